from runtime.reporting.overview import exams_of


def test_paths_between_senses_come_before_those_within_one() -> None:
    told = [(exam.title, exam.exam, exam.judge, exam.crosses) for exam in exams_of(("image", "audio"))]
    assert told == [
        ("image → audio", "image_to_audio", "audio", True),
        ("audio → image", "audio_to_image", "image", True),
        ("image → image", "image_to_image", "image", False),
        ("audio → audio", "audio_to_audio", "audio", False),
    ]


def test_exams_of_several_subjects_have_their_names_before_them() -> None:
    exam = exams_of(("image", "audio"), "things")[0]
    assert (exam.title, exam.exam, exam.judge) == ("things image → audio", "things/image_to_audio", "things/audio")
