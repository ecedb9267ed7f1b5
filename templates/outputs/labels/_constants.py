LABELS = MODEL.with_name("labels.txt")  # one name per line, in the order of the classes
ROUNDING = -1e-5  # what a probability of 0 may be, as a sum of float32
