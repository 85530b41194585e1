"""Where evaluations run."""

from designloop.execution.base import Ended as Ended
from designloop.execution.base import Executor as Executor
from designloop.execution.base import Outcome as Outcome
from designloop.execution.base import Task as Task
from designloop.execution.inprocess import InProcess as InProcess
