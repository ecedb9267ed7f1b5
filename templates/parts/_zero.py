spaces.GPU(load)  # never called, but ZeroGPU starts no app without such a function
