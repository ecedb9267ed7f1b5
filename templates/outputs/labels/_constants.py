LABELS = MODEL.with_name("labels.txt")  # one name a line, in the order of the classes
