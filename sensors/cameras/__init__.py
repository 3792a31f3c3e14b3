"""Sources of pictures: cameras, films, numbered pictures, web cameras."""
