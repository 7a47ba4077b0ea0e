"""What is said of a picture: by the rubric, by a person, and where nobody has said anything yet."""

from typing import Literal

#: The rubric's answer.
Decision = Literal["accepted", "review", "rejected"]

#: A person's, which overrules it.
PersonsDecision = Literal["accepted", "rejected"]

#: What a page shows.
ShownDecision = Literal["accepted", "review", "rejected", "unjudged"]
