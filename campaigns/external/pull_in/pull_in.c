/* Pull-in of a clamped-clamped beam over one electrode: voltage, travel, and the pressure that releases it.

       pull_in LENGTH WIDTH THICKNESS GAP STRESS MODULUS POINTS      um, um, um, um, MPa, GPa, number

   E I w'''' - (s A + E A / (2 L) int w'^2) w'' = p, where p is eps0 b V^2 / (2 (g - w)^2) with the fringing
   term 0.65 (g - w) / b for the voltage (Palmer 1937), or q b for a pressure q. Half of the span in POINTS
   steps, central differences; the deflection at mid-span is given, the load is an unknown, so that Newton
   passes the fold. Writes pull_in.json; status 3: buckled, 4: no convergence. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 400
#define EPS0 8.8541878128e-12

enum { VOLTAGE, PRESSURE };

typedef struct { double length, width, thickness, gap, stress, modulus; int points; } Beam;

static double bending(const Beam *b) { return b->modulus * b->width * pow(b->thickness, 3) / 12; }

/* Load per length for a unit load (V^2 = 1 or q = 1), and its slope with the deflection. */
static double load(const Beam *b, int kind, double w, double *slope)
{
    double left = b->gap - w;
    *slope = 0;
    if (kind == PRESSURE)
        return b->width;
    *slope = EPS0 * b->width / 2 * (2 / pow(left, 3) + 0.65 / b->width / (left * left));
    return EPS0 * b->width / 2 * (1 / (left * left) + 0.65 / b->width / left);
}

/* Node i counted from the clamp; beyond it and beyond mid-span the beam goes on as its mirror image. */
static int mirror(int i, int n) { return i < 0 ? -i : i > n ? 2 * n - i : i; }

static double tension(const Beam *b, const double *w, double *slope)
{
    int n = b->points;
    double h = b->length / 2 / n, sum = 0, scale = b->modulus * b->width * b->thickness / b->length;
    for (int i = 0; i <= n; i++) slope[i] = 0;
    for (int i = 0; i < n; i++) {                      /* the integral over half the span, twice */
        double rise = (w[i + 1] - w[i]) / h;
        sum += rise * rise * h;
        slope[i + 1] += 2 * rise * scale;
        slope[i] -= 2 * rise * scale;
    }
    return b->stress * b->width * b->thickness + scale * sum;
}

static int eliminate(double (*a)[MOST + 1], double *x, int size)
{
    for (int c = 0; c < size; c++) {
        int best = c;
        for (int r = c + 1; r < size; r++) if (fabs(a[r][c]) > fabs(a[best][c])) best = r;
        if (a[best][c] == 0) return 0;
        for (int k = 0; k < size; k++) { double t = a[c][k]; a[c][k] = a[best][k]; a[best][k] = t; }
        double t = x[c]; x[c] = x[best]; x[best] = t;
        for (int r = c + 1; r < size; r++) {
            double f = a[r][c] / a[c][c];
            if (f == 0) continue;
            for (int k = c; k < size; k++) a[r][k] -= f * a[c][k];
            x[r] -= f * x[c];
        }
    }
    for (int c = size - 1; c >= 0; c--) {
        for (int k = c + 1; k < size; k++) x[c] -= a[c][k] * x[k];
        x[c] /= a[c][c];
    }
    return 1;
}

/* The load that holds mid-span at w[n]; w is the first guess and the answer. NAN without convergence. */
static double hold(const Beam *b, int kind, double *w)
{
    static double a[MOST + 1][MOST + 1], x[MOST + 1], pull[MOST + 1];
    static const double fourth[5] = {1, -4, 6, -4, 1}, second[3] = {1, -2, 1};
    int n = b->points;
    double h = b->length / 2 / n, stiff = bending(b) / pow(h, 4), force = 0, slope;
    for (int round = 0; round < 60; round++) {
        double axial = tension(b, w, pull), change = 0;
        for (int i = 1; i <= n; i++) {                 /* unknowns: w[1] .. w[n - 1], then the load */
            double *row = a[i - 1], curve = 0, unit = load(b, kind, w[i], &slope), left = -force * unit;
            for (int k = 0; k < n; k++) row[k] = 0;
            for (int k = -2; k <= 2; k++) left += stiff * fourth[k + 2] * w[mirror(i + k, n)];
            for (int k = -1; k <= 1; k++) curve += second[k + 1] * w[mirror(i + k, n)] / (h * h);
            for (int k = -2; k <= 2; k++) {
                int j = mirror(i + k, n);
                double term = stiff * fourth[k + 2] - (abs(k) < 2 ? axial * second[k + 1] / (h * h) : 0);
                if (j >= 1 && j < n) row[j - 1] += term;
            }
            for (int j = 1; j < n; j++) row[j - 1] -= pull[j] * curve;
            if (i < n) row[i - 1] -= force * slope;
            row[n - 1] = -unit;
            x[i - 1] = -(left - axial * curve);
        }
        if (!eliminate(a, x, n)) return NAN;
        for (int i = 1; i < n; i++) { w[i] += x[i - 1]; change = fmax(change, fabs(x[i - 1])); }
        force += x[n - 1];
        for (int i = 1; i < n; i++) if (kind == VOLTAGE && w[i] > 0.999 * b->gap) return NAN;
        if (change < 1e-11 * b->gap) return force;
    }
    return NAN;
}

/* Mid-span at a share of the gap; from the shape of the linear beam under a uniform load. */
static double at(const Beam *b, int kind, double share, double *w)
{
    int n = b->points;
    for (int i = 0; i <= n; i++) {
        double s = i / (2.0 * n);
        w[i] = 16 * share * b->gap * s * s * (1 - s) * (1 - s);
    }
    return hold(b, kind, w);
}

int main(int count, char **words)
{
    static double w[MOST + 1];
    if (count != 8) { fprintf(stderr, "seven numbers are needed\n"); return 2; }
    Beam b = {atof(words[1]) * 1e-6, atof(words[2]) * 1e-6, atof(words[3]) * 1e-6, atof(words[4]) * 1e-6,
              atof(words[5]) * 1e6, atof(words[6]) * 1e9, atoi(words[7])};
    if (b.points < 8 || b.points > MOST) { fprintf(stderr, "points: 8 to %d\n", MOST); return 2; }
    double euler = 4 * M_PI * M_PI * bending(&b) / (b.length * b.length * b.width * b.thickness);
    double margin = 1 + b.stress / euler;
    FILE *file = fopen("pull_in.json", "w");
    if (!file) { perror("pull_in.json"); return 2; }
    if (margin <= 0) {
        fprintf(file, "{\"buckling_margin\": %.9g}\n", margin);
        fclose(file);
        fprintf(stderr, "buckled: %.4g MPa against %.4g MPa\n", b.stress / 1e6, -euler / 1e6);
        return 3;
    }
    double low = 0.05, high = 0.95, golden = (sqrt(5) - 1) / 2;
    while (high - low > 1e-7) {                        /* the largest load that any deflection needs */
        double one = high - golden * (high - low), two = low + golden * (high - low);
        double first = at(&b, VOLTAGE, one, w), second = at(&b, VOLTAGE, two, w);
        if (isnan(second) || first > second) high = two; else low = one;
    }
    double squared = at(&b, VOLTAGE, (low + high) / 2, w), pressure = at(&b, PRESSURE, 1, w);
    if (isnan(squared) || isnan(pressure)) { fclose(file); fprintf(stderr, "no convergence\n"); return 4; }
    fprintf(file, "{\"pull_in_voltage\": %.9g, \"travel\": %.9g, \"release_pressure\": %.9g, "
                  "\"buckling_margin\": %.9g}\n",
            sqrt(squared), (low + high) / 2 * b.gap * 1e6, pressure / 1e3, margin);
    fclose(file);
    return 0;
}
