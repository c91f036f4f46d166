import json

from tasks import tables
from tasks.pretrain import stage as pretrain
from tests.helpers.training import NO_ENCODER


def test_nothing_is_computed_and_other_photos_change_nothing(folders, stripes) -> None:
    kept, photos = folders.kept(["a"] * 4, ["train"] * 4)
    few, many = (folders.tiles(kept, dict(zip(photos[:n], stripes(0, n), strict=True))) for n in (2, 4))
    first = folders.get_or_build(pretrain.STAGE, NO_ENCODER, kept=kept, tiles=few)
    folder = folders.folder(first)
    assert {path.name for path in folder.iterdir()} == {tables.pretrain.ENCODER_INFO.name, "manifest.json"}
    assert json.loads(tables.pretrain.ENCODER_INFO.path(folder).read_text()) == {"kind": "none", "name": "none"}
    again = folders.get_or_build(pretrain.STAGE, NO_ENCODER, kept=kept, tiles=many)
    assert again.cached
    assert again.artifact == first.artifact
    assert again.why == "nothing to do: pretrain.encoder is none"
