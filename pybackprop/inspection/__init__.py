"""Looking at backpropagation: two recipes side by side, deltas explained, gradients
checked, trainings examined."""
