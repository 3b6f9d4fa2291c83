from evaluation.footprint.wal import NO_RELATION, by_relation

INSERT = (
    "rmgr: Heap        len (rec/tot):     59/  8251, tx:        743, lsn: 0/01A2B3C8, prev"
    " 0/01A2B390, desc: INSERT off: 3, flags: 0x00, blkref #0: rel 1663/5/16384 fork main blk 0 FPW"
)
UPDATE = (
    "rmgr: Heap        len (rec/tot):     71/    71, tx:        744, lsn: 0/01A2D408, prev"
    " 0/01A2B3C8, desc: HOT_UPDATE old_xmax: 744, blkref #0: rel 1663/5/16384 blk 0"
)
OTHER = UPDATE.replace("16384", "16999")
COMMIT = (
    "rmgr: Transaction len (rec/tot):     34/    34, tx:        743, lsn: 0/01A2D450, prev"
    " 0/01A2D408, desc: COMMIT 2026-11-28 12:00:00.000000 UTC"
)


def test_records_are_added_up_by_relation_and_images_of_pages_apart() -> None:
    found = by_relation([INSERT, UPDATE, OTHER, COMMIT, "an empty line"], {16384: "posts"})
    assert set(found) == {"posts", "(other)", NO_RELATION}
    posts = found["posts"]
    assert (posts.records, posts.record_bytes, posts.image_bytes) == (2, 130, 8_192)
    assert found[NO_RELATION].record_bytes == 34
