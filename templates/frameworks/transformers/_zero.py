load()  # ZeroGPU takes over the weights that are loaded before the launch
predict = spaces.GPU(predict)
