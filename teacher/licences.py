"""The licences of the datasets that the program reads or makes, for model cards."""

LICENCES = {
    "digits": "Optical Recognition of Handwritten Digits (UCI, in scikit-learn): CC BY 4.0",
    "mnist": "MNIST: commonly given as CC BY-SA 3.0",
    "synthetic": "spoken by espeak-ng (GPL-3) as a program; no recordings of people",
    "fsdd": "Free Spoken Digit Dataset: CC BY-SA 4.0",
    "gcdd": "Speech Commands: CC BY 4.0",
    "fsdd+gcdd": "Free Spoken Digit Dataset: CC BY-SA 4.0; Speech Commands: CC BY 4.0",
    "avletters": "AV Letters: for research, by its authors' permission",
}
"""Name of a dataset, as settings spell it -> its name and licence."""
UNKNOWN = "not known to the program: whoever chose the data knows"


def licence(name: str) -> str:
    """The licence of a dataset, for people."""
    return LICENCES.get(name, UNKNOWN)
