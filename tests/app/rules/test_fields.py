# SPDX-License-Identifier: Apache-2.0
"""The names of fields are a promise: of the command line, of filters, of exports."""

from __future__ import annotations

from app.rules.fields import CREATOR_FIELDS, METRICS, PLATFORMS, Home, Kind, field_of, platform_code

PROMISED = (
    "platform, platform_uid, handle, name, followers, category, city, country, fee_fen, fee_image_fen, fee_video_fen, commission_bp, phone, wechat, email,"
    " coupon, stage, owner, tags, joined_at, as_of, posts, avg_likes, avg_comments, avg_shares, avg_views, total_likes, new_post_avg_likes, engagement_rate,"
    " authentic_engagement, avg_engagement, influence_score"
).replace(" ", "").split(",")  # fmt: skip


def test_every_promised_field_is_there_and_can_be_imported():
    for name in PROMISED:
        one = field_of(name)
        assert one is not None, name
        assert one.importable


def test_nickname_and_uid_mean_the_same():
    assert field_of("nickname") is CREATOR_FIELDS["name"]
    assert field_of("uid") is CREATOR_FIELDS["platform_uid"]


def test_derived_fields_are_never_imported():
    for name in ("id", "tier", "group"):
        assert not CREATOR_FIELDS[name].importable


def test_free_metrics_are_fields():
    one = field_of("metric.赞粉比")
    assert one is not None
    assert one.home is Home.METRIC
    assert one.kind is Kind.NUMBER
    assert field_of("metric.") is None
    assert field_of("nosuch") is None


def test_money_and_counts_are_summed_words_are_not():
    assert all(CREATOR_FIELDS[name].numeric for name in ("followers", "fee_fen", "commission_bp", *METRICS))
    assert not any(CREATOR_FIELDS[name].numeric for name in ("name", "joined_at", "tags", "stage", "phone", "platform_uid"))


def test_platforms_are_known_by_every_word_and_others_by_their_own():
    for code, words in PLATFORMS.items():
        for word in (code, *words):
            assert platform_code(f" {word.upper()} ") == code
    assert platform_code("Lemon8") == "lemon8"


def test_no_word_means_two_platforms():
    words = [word for code, aliases in PLATFORMS.items() for word in (code, *aliases)]
    assert len(words) == len(set(words))
