"""Files of the encoder, and of the autoencoder if the encoder is its first half."""

from tasks.store.table import File, Table
from tasks.tables.columns import PHOTO

ENCODER_INFO = File("encoder.json", ("pretrain",), "Kind of the encoder, its name and the length of its features.")
ENCODER = File("encoder.keras", ("pretrain",), "The encoder: from tiles to features; not written if there is none.")
AUTOENCODER = File("autoencoder.keras", ("pretrain",), "The autoencoder, if the encoder is its first half.")
RECONSTRUCTIONS = File(
    "reconstructions.npz",
    ("pretrain",),
    "Some tiles (`originals`), the autoencoder's copies (`reconstructions`), those of a resize (`resized`) and of a "
    "PCA of patches (`pca`), uint8; and the codes (`codes`), float32.",
)
AUTOENCODER_PICTURE = File(
    "autoencoder.png",
    ("pretrain",),
    "Tiles, the autoencoder's copies beside those of a resize and a PCA, channels of the code, and the losses.",
)
ERROR = File(
    "error.json", ("pretrain",), "Mean squared error of the autoencoder, of a resize and of a PCA, with as many values."
)
SNAPSHOT = Table(
    "snapshot.parquet", ("pretrain",), "The train photos at the time; only written for an autoencoder.", (PHOTO,)
)
SNAPSHOT_TILES = File(
    "snapshot.json", ("pretrain",), "Version and config of the preprocess stage, and memory of the split, at the time."
)
