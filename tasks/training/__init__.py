"""One training loop for all networks: classifiers in `tasks.train`, the autoencoder in `tasks.pretrain`.

- An `Objective` says how a batch becomes a loss; a `Plan` says on which examples, how fast and for how long.
- `fit.fit` trains: it resumes from a checkpoint, and splits batches if memory is too small.
- `resumed` counts the seconds of what was found in checkpoints: they are a part of the cost.
- `attempt` has the epochs, and `bookkeeping` what happens after each of them: best weights, checkpoint, early stopping.
- `feed` brings rows to the device: once for all, or read ahead by threads while a step runs.
- `tensorflow_steps` and `jax_steps` compile the steps of each backend; nothing else here depends on the backend.
"""
