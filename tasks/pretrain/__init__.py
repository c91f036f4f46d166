"""The pretrain stage: train an autoencoder on the train tiles."""
