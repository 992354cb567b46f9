# SPDX-License-Identifier: Apache-2.0
"""Which field a stranger's header means: Chinese and English names of the tools that creator sheets come from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import UsageError
from app.rules.fields import METRIC_PREFIX, SAME_FIELD, field_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALIASES: Final[dict[str, str]] = {
    "platform": "platform,平台,渠道,媒体平台,所属平台,发布平台,达人平台,投放平台,channel",
    "platform_uid": "platform_uid,uid,user id,userid,用户id,达人id,博主id,账号id,平台id,平台uid,作者id,主播id,creator id,"
    "account id,author id,star id,星图id,用户uid,达人uid,mid,sec_uid,kolid,kol id,channel id",
    "handle": "handle,username,user name,账号,达人账号,channel info,小红书号,小红书id,红薯号,抖音号,抖音id,快手号,快手id,微博号,"
    "视频号id,平台账号,account,instagram handle,tiktoker,youtuber,tiktoker name,youtuber name,influencer insta name,ins账号,ins id,b站账号",
    "name": "name,nickname,昵称,达人昵称,博主昵称,博主名称,达人名称,达人,博主,姓名,kol昵称,kol,账号名称,账号昵称,主播昵称,主播名称,"
    "达人名,红人昵称,红人,作者,作者昵称,up主,up主昵称,creator,creator name,influencer,influencer name,tiktok name,channel name,display name,koc昵称,网红",
    "followers": "followers,follower count,followers count,follower_count,fans,粉丝,粉丝数,粉丝量,粉丝总数,总粉丝数,粉丝数量,subscribers,"
    "subscribers count,subscriber count,followers numbers,关注者,当前粉丝数,fans count,粉丝(万),粉丝数(万),粉丝量(万),粉丝数(w),粉丝量(w),粉丝(w)",
    "category": "category,category_1,category 1,类目,分类,垂类,领域,达人类型,达人分类,内容类目,内容标签,一级类目,行业,行业分类,所属行业,类型,赛道,达人领域,博主类型,内容类型",
    "city": "city,城市,所在城市,所在地,地区,地域,所属地区,ip属地,ip,常驻城市,位置",
    "country": "country,国家,audience country,audience country(mostly),国家/地区,国家地区",
    "phone": "phone,mobile,手机,手机号,电话,联系电话,手机号码,联系方式,tel,电话号码",
    "wechat": "wechat,微信,微信号,vx,wx,wechat id,weixin",
    "email": "email,e-mail,邮箱,电子邮箱,邮件,mail",
    "coupon": "coupon,优惠码,优惠券,专属码,折扣码,coupon code,code,口令,券码",
    "commission_bp": "commission_bp,佣金率,佣金比例,佣金,commission,commission rate,cps佣金,佣金率(%),佣金(%)",
    "fee_fen": "fee_fen,fee_cny,fee,报价,全部报价,合作报价,刊例价,刊例,价格,合作价格,费用,合作费,合作费用,坑位费,报价(元),price,rate,报价/元",
    "fee_image_fen": "fee_image_fen,图文报价,图文笔记一口价,图文价格,图文笔记报价,图文刊例价,图文",
    "fee_video_fen": "fee_video_fen,视频报价,视频笔记一口价,视频价格,视频笔记报价,视频刊例价,1-20s报价,21-60s报价,60s+报价,视频",
    "stage": "stage,状态,合作状态,阶段,招募阶段,合作阶段,status,进度,跟进状态",
    "owner": "owner,负责人,跟进人,媒介,对接人,bd,运营,所属媒介,负责媒介",
    "tags": "tags,标签,tag,达人标签,账号标签",
    "notes": "notes,note,备注,说明,remark,remarks,comment,评价",
    "url": "url,link,主页,主页链接,链接,蒲公英链接,详情页链接,博主链接,达人主页,达人链接,主页地址,星图链接,profile,profile url,抖音主页,小红书主页",
    "joined_at": "joined_at,加入时间,入库时间,合作时间,首次合作时间,joined,join date,建档时间,入驻时间",
    "as_of": "as_of,数据日期,统计日期,采集时间,更新时间,数据更新时间,抓取时间,日期,date,snapshot date,统计时间",
    "posts": "posts,作品数,笔记数,视频数,发布数,media count,作品总数,笔记总数,内容数,video count,videos,note count,post count",
    "avg_likes": "avg_likes,likes avg,avg likes,平均点赞,平均点赞数,篇均点赞,均赞,点赞均值,average likes",
    "avg_comments": "avg_comments,comments avg,avg comments,平均评论,平均评论数,篇均评论,评论均值",
    "avg_shares": "avg_shares,shares avg,avg shares,平均分享,平均转发,平均分享数,篇均分享",
    "avg_views": "avg_views,views avg,avg views,平均播放,平均播放量,平均阅读,平均阅读量,篇均阅读,播放均值,average views,平均观看,平均播放数",
    "total_likes": "total_likes,total likes,获赞,获赞数,总获赞,总点赞,点赞总数,累计获赞,赞数,喜欢数,likes received",
    "new_post_avg_likes": "new_post_avg_likes,new post avg like,new post avg likes",
    "engagement_rate": "engagement_rate,60d eng rate,eng rate,engagement rate,互动率,平均互动率,er,60 day eng rate,互动率(%)",
    "authentic_engagement": "authentic_engagement,authentic engagement",
    "avg_engagement": "avg_engagement,engagement avg,avg engagement,平均互动,平均互动量,篇均互动,互动均值,平均互动数,average engagement",
    "influence_score": "influence_score,influence score,影响力,影响力指数,影响力得分,传播指数,星图指数",
    "metric.liked_collected": "获赞与收藏,赞藏数,赞藏量,赞藏总数,获赞收藏,总赞藏",
    "metric.female_ratio": "粉丝女性用户占比,女性粉丝占比,女粉占比,女性占比",
    "metric.male_ratio": "粉丝男性用户占比,男性粉丝占比,男粉占比,男性占比",
    "metric.active_fans_ratio": "活跃粉丝占比",
    "metric.fans_growth": "粉丝量变化幅度,粉丝增长率,粉丝增量",
    "metric.interaction_fans_ratio": "互动粉丝占比",
    "metric.daily_exposure_median": "曝光中位数(日常),日常曝光中位数,曝光中位数",
    "metric.daily_read_median": "阅读中位数(日常),日常阅读中位数,阅读中位数",
    "metric.daily_interaction_median": "互动中位数(日常),日常互动中位数,互动中位数",
    "metric.coop_read_median": "阅读中位数(合作),合作阅读中位数",
    "metric.image_cpm": "图文预估cpm价格,预估图文cpm,图文cpm,图文预估cpm",
    "metric.image_cpr": "图文预估阅读单价,图文笔记阅读单价",
    "metric.image_cpe": "图文预估互动单价,图文笔记互动单价",
    "metric.video_cpm": "视频预估cpm价格,预估视频cpm,视频cpm,视频预估cpm",
    "metric.video_completion": "视频完播率,完播率",
    "metric.reply_rate_48h": "邀约48h回复率,邀约48小时回复率,48h回复率",
    "metric.live_sessions_30d": "近30天直播场次",
    "metric.live_avg_viewers": "场均观看人数,场均观播人数,场均观看,场均观众",
    "metric.live_avg_sales": "场均销售额,场均gmv,场均销量",
}

_TOLD_PLATFORM: Final = (
    ("小红书", "xiaohongshu"), ("蒲公英", "xiaohongshu"), ("抖音", "douyin"), ("星图", "douyin"), ("快手", "kuaishou"),
    ("b站", "bilibili"), ("哔哩", "bilibili"), ("视频号", "wechat_channels"), ("微博", "weibo"), ("淘宝直播", "taobao_live"),
    ("instagram", "instagram"), ("insta", "instagram"), ("tiktok", "tiktok"), ("youtube", "youtube"),
)  # fmt: skip

_UNIT: Final = re.compile(r"\((?:元|¥|rmb|cny|人民币|万|w|人|个|%|次|篇|条|分|fen|k)\)|/元|（元）", re.IGNORECASE)
_GAPS: Final = re.compile(r"[\s_\-.:：·]+")
_YUAN: Final = re.compile(r"元|¥|cny|rmb|报价|价格|刊例|费|price|rate|一口价|fee|图文|视频", re.IGNORECASE)
_FEN: Final = re.compile(r"fen\b|\(分\)|（分）", re.IGNORECASE)
_TEN_THOUSAND: Final = re.compile(r"[(（](?:万|w)[)）]", re.IGNORECASE)


def plain(header: str) -> str:
    """A header as aliases compare it: width, case, gaps and units made alike."""
    text = _GAPS.sub(" ", unicodedata.normalize("NFKC", header).lower()).strip()
    return _GAPS.sub(" ", _UNIT.sub("", text)).strip()


_FIELD_OF: Final = {
    _GAPS.sub(" ", unicodedata.normalize("NFKC", alias).lower()).strip(): field for field, aliases in _ALIASES.items() for alias in aliases.split(",")
}


def field_for(header: str) -> str | None:
    """Field that a header means; None for a stranger."""
    text = _GAPS.sub(" ", unicodedata.normalize("NFKC", header).lower()).strip()
    known = _FIELD_OF.get(text) or _FIELD_OF.get(plain(header))
    if known is None and header.strip().startswith(METRIC_PREFIX) and field_of(header.strip()):
        return header.strip()
    return known


def in_yuan(header: str) -> bool:
    """Whether amounts below a header are yuan rather than fen."""
    return bool(_YUAN.search(header)) and not _FEN.search(header)


def in_ten_thousands(header: str) -> bool:
    """Whether numbers below a header are counted in 万."""
    return bool(_TEN_THOUSAND.search(header))


def told_platform(*texts: str) -> str | None:
    """Platform that a header, a sheet's or a file's name gives away; None where they contradict each other."""
    joined = " ".join(texts).lower()
    found = {code for word, code in _TOLD_PLATFORM if word in joined}
    found |= {"tiktok"} if "tiktoker" in joined else set()
    found |= {"youtube"} if "youtuber" in joined else set()
    return found.pop() if len(found) == 1 else None


def known_share(cells: Sequence[str]) -> int:
    """How many cells of a row are headers that mean a field."""
    return sum(field_for(cell) is not None for cell in cells if cell.strip())


@dataclass(frozen=True, slots=True)
class Match:
    """Columns of a sheet by field (position from 0), and the headers nobody claimed."""

    columns: Mapping[str, int]
    unmapped: tuple[str, ...]


def match(headers: Sequence[str], overrides: Mapping[str, str], *, only: bool = False) -> Match:
    """Columns for fields: what the user says, then what the headers say; of twins the first.

    ``only``: what the user says is all there is, and his numbers are columns even where a header reads like one.
    UsageError for a field or column that is not there.
    """
    columns: dict[str, int] = {}
    for name, wanted in overrides.items():
        field = field_of(name)
        if field is None or not field.importable:
            raise UsageError("unknown_field", field=name)
        numbered = only and wanted.isdecimal() and 1 <= int(wanted) <= len(headers)
        columns[SAME_FIELD.get(name, name)] = int(wanted) - 1 if numbered else _column(headers, wanted)
    if only:
        return Match(columns, tuple(dict.fromkeys(header for at, header in enumerate(headers) if at not in columns.values() and header.strip())))
    taken = set(columns.values())
    for at, header in enumerate(headers):
        named = field_for(header)
        if named is not None and at not in taken and named not in columns:
            columns[named] = at
            taken.add(at)
    _claim_either(headers, columns, taken)
    twins = {plain(headers[at]) for at in taken}
    unmapped = [header for at, header in enumerate(headers) if at not in taken and header.strip() and plain(header) not in twins]
    return Match(columns, tuple(dict.fromkeys(unmapped)))


def _claim_either(headers: Sequence[str], columns: dict[str, int], taken: set[int]) -> None:
    """A column like "instagram name" is the handle where no other is, else the shown name."""
    for at, header in enumerate(headers):
        if at in taken or plain(header) not in _EITHER:
            continue
        for field in ("handle", "name"):
            if field not in columns:
                columns[field] = at
                taken.add(at)
                break


def _column(headers: Sequence[str], wanted: str) -> int:
    for exact in (str.strip, plain):
        hits = [at for at, header in enumerate(headers) if exact(header) == exact(wanted)]
        if hits:
            return hits[0]
    if wanted.isdecimal() and 1 <= int(wanted) <= len(headers):
        return int(wanted) - 1
    raise UsageError("unknown_column", column=wanted, known=", ".join(header for header in headers[:40] if header))


_EITHER: Final = frozenset(
    {"channel name", "youtuber", "youtuber name", "tiktoker", "tiktoker name", "tiktok name", "instagram name"}
    | {"influencer name", "influencer insta name", "账号", "账号名称", "name", "username", "account", "channel info"}
)


def swappable(*labels: str) -> bool:
    """Whether headers are of the kind that means the handle in one list and the shown name in the next."""
    return all(plain(label) in _EITHER for label in labels)


def handle_or_name(handle: Sequence[str], name: Sequence[str]) -> bool:
    """Whether two columns stand the other way round: handles have no blanks and each stands once or nearly so."""
    return _like_handles(name) > _like_handles(handle) + 0.1


def _like_handles(cells: Sequence[str]) -> float:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return 0.0
    return sum(cell.isascii() and not any(map(str.isspace, cell)) for cell in filled) / len(filled)
