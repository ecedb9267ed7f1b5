spaces.GPU(load)  # never called: ZeroGPU refuses to start without a GPU function
