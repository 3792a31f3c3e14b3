"""Bags of ROS as files of readings, without ROS. Importing this package registers their reader."""

from sensors.files.ros.reader import READER

__all__ = ["READER"]
