from runtime.supervisor.actors.actor_wrapper import BACKGROUND_METHODS, wrap_actor


class Kettle:
    def __init__(self, litres: float) -> None:
        self.litres = litres

    def boil(self, minutes: float) -> str:
        return f"{self.litres} l in {minutes} minutes"

    def checkpoint(self) -> float:
        return self.litres

    def __repr__(self) -> str:
        return f"Kettle({self.litres})"


def test_the_wrapper_is_shown_as_its_actor_even_before_that_is_made() -> None:
    kind = wrap_actor(Kettle)
    assert repr(kind(1.5)) == "Kettle(1.5)"
    assert repr(object.__new__(kind)) == "Kettle"
    assert (kind.__name__, kind.__module__) == ("Kettle", __name__)


def test_methods_are_passed_on_with_their_arguments() -> None:
    actor = wrap_actor(Kettle)(2)
    assert actor.boil(minutes=3) == "2 l in 3 minutes"
    assert "checkpoint" in BACKGROUND_METHODS and actor.checkpoint() == 2
    assert not hasattr(actor, "pour")
