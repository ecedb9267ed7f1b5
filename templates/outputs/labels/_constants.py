LABELS = MODEL.with_name("labels.txt")  # one name per line, in the order of the classes
