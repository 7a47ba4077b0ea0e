"""Decisions about a picture: the rubric's, a person's, and the one that pages show."""

from typing import Literal

#: The rubric's decision.
Decision = Literal["accepted", "review", "rejected"]

#: A person's decision, which overrules the rubric's.
PersonsDecision = Literal["accepted", "rejected"]

#: The decision shown on a page; "unjudged" if there is none yet.
ShownDecision = Literal["accepted", "review", "rejected", "unjudged"]
