"""The evaluate stage: measure the classifier on photos that no earlier stage has used, and report on it."""

from tasks.evaluate.evaluation import VERSION, build_evaluation
from tasks.evaluate.present import VIEW_SETTINGS, present
from tasks.store.stage import Stage

STAGE = Stage("evaluate", VERSION, build=build_evaluation, view=present, view_settings=VIEW_SETTINGS)
