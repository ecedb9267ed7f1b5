load()  # ZeroGPU takes over the weights that are loaded before the launch
# A visitor with fewer seconds of GPU left today is refused, and a call that takes longer
# is ended: `python -m ml_ui bench USER/SPACE` says what yours needs.
DURATION = 15
predict = spaces.GPU(duration=DURATION)(predict)
