from local.mux.media.tracks import Track, parse_packets

LISTING = """\
#software: Lavf
#tb 0: 1/10
#media_type 0: video
#codec_id 0: h264
#tb 1: 1/1000
#media_type 1: audio
0,          0,          1,        1,      100, 0x00000000
1,          0,          0,       20,       50, 0x00000000
0,          1,          3,        1,      100, 0x00000000
1,         20,         20,       20,       50, 0x00000000
0,          2,          2,        1,      100, 0x00000000, S=1, 8, 0x00000000
"""


def test_a_list_of_packets_gives_the_times_of_each_track() -> None:
    assert parse_packets(LISTING) == [
        Track("video", start=0.1, last=0.3, end=0.4, packets=3),
        Track("audio", start=0.0, last=0.02, end=0.04, packets=2),
    ]


def test_a_file_without_packets_has_no_tracks() -> None:
    assert parse_packets("") == parse_packets("#tb 0: 1/10\n#media_type 0: video\n") == []
