# SPDX-License-Identifier: Apache-2.0
"""Which field a stranger's header means: Chinese and English names of the tools that creator sheets come from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import UsageError
from app.rules import headers_facts
from app.rules.facts import CREATORS, FILES, field_in
from app.rules.fields import CREATOR_FIELDS, DATE_PREFIX, METRIC_PREFIX, PERSON, SAME_FIELD, field_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALIASES: Final[dict[str, str]] = {
    "platform": "platform,平台,所在的平台,主要平台,账号所在平台,渠道,媒体平台,所属平台,发布平台,达人平台,投放平台,"
    "所在平台,平台名称,社交平台,媒体,network,social network,social platform,platform name,source platform",
    "platform_uid": "platform_uid,uid,user id,userid,用户id,达人id,博主id,账号id,平台id,平台uid,作者id,主播id,creator id,"
    "account id,author id,star id,星图id,用户uid,达人uid,mid,sec_uid,kolid,kol id,channel id,"
    "用户编号,作者uid,博主uid,up主uid,up主id,up主mid,达人编号,快手uid,抖音uid,小红书用户id,红人id,主页id,influencer id,profile id,platform id,social id,external id,openid",
    "handle": "handle,username,user name,账号,帐号,达人帐号,用户帐号,达人账号,channel info,小红书号,小红书id,红薯号,抖音号,抖音id,快手号,快手id,微博号,"
    "视频号id,平台账号,account,instagram handle,tiktoker,youtuber,tiktoker name,youtuber name,influencer insta name,ins账号,ins id,b站账号,"
    "达人号,博主号,账号名,用户名,平台号,平台账号id,快手账号,抖音账号,小红书账号,微博账号,b站id,红书号,小红书号(id),instagram,ig handle,instagram username,instagram account,instagram user name,tiktok handle,tiktok username,tiktok account,youtube handle,youtube username,channel handle,screen name,social handle,primary handle,influencer handle,creator handle,user handle,profile name,账户,账户名",
    "name": "name,nickname,昵称,达人昵称,博主昵称,博主名称,达人名称,达人,博主,姓名,kol昵称,kol,账号名称,账号昵称,主播昵称,主播名称,"
    "达人名,红人昵称,红人,作者,作者昵称,up主,up主昵称,creator,creator name,influencer,influencer name,tiktok name,channel name,display name,koc昵称,网红,"
    "达人姓名,用户昵称,名称,名字,达人名字,主播,播主,播主昵称,播主名称,博主名,博主名字,红人名称,红人名,网红昵称,网红名称,kol名称,kol姓名,koc,koc名称,创作者,创作者昵称,创作者名称,up主名称,小红书昵称,抖音昵称,快手昵称,小红书名称,抖音名称,媒体名称,资源名称,full name,fullname,real name,channel title,talent,talent name,publisher name,influencers,username/name,kol name,koc name,blogger,blogger name",
    "followers": "followers,follower count,followers count,follower_count,fans,粉丝,粉丝数,粉丝量,粉丝总数,总粉丝数,粉丝数量,subscribers,"
    "subscribers count,subscriber count,followers numbers,关注者,当前粉丝数,fans count,粉丝(万),粉丝数(万),粉丝量(万),粉丝数(w),粉丝量(w),粉丝(w),"
    "粉丝量级,粉丝数量(万),追踪人数,追踪者,追踪数,粉丝人数,全部粉丝,全网粉丝数,粉丝总量,总粉丝量,总粉丝,粉丝规模,关注人数,抖音粉丝数,抖音粉丝,小红书粉丝数,小红书粉丝,快手粉丝数,快手粉丝,b站粉丝数,微博粉丝数,粉丝数量(w),粉丝总数(万),粉丝体量,follower,follower number,followers number,number of followers,no of followers,total followers,fan count,audience size,instagram followers,tiktok followers,youtube subscribers,subs,subscriber,total subscribers,ig followers,followercount",
    "category": "category,category_1,category 1,类目,分类,类别,垂类,领域,达人类型,达人分类,内容类目,内容标签,一级类目,行业,行业分类,所属行业,类型,赛道,达人领域,博主类型,内容类型,"
    "达人类目,达人标签类型,垂直领域,所属领域,主营类目,带货类目,主推类目,内容方向,内容领域,内容垂类,内容主题,分区,所属分区,擅长领域,博主分类,达人属性,一级分类,niche,niches,topic,topics,industry,vertical,genre,categories,main category,primary category",
    "city": "city,城市,所在城市,所在地,地区,地域,所属地区,ip属地,ip,常驻城市,位置,"
    "所在地区,地域分布,所在省市,省市,省份,所属城市,达人城市,达人地区,所在位置,location,region,ip归属地,ip地址归属地,ip归属,现居地,居住城市",
    "country": "country,国家,audience country,audience country(mostly),国家/地区,国家地区,"
    "所在国家,国籍,country code,country/region,creator country,influencer country,audience location",
    "phone": "phone,mobile,手机,手机号,联络电话,电话,联系电话,手机号码,联系方式,tel,电话号码,"
    "手机/电话,联系手机,phone number,mobile number,cell,cell phone,telephone",
    "wechat": "wechat,微信,微信号,vx,wx,wechat id,weixin,微信id,微信账号,联系微信,商务微信,vx号,v信",
    "email": "email,e-mail,邮箱,信箱,电子信箱,联络信箱,电子邮箱,邮件,mail,商务邮箱,联系邮箱,email address,e mail,contact email,business email,合作邮箱",
    "coupon": "coupon,优惠码,优惠券,专属码,折扣码,coupon code,code,口令,券码,专属优惠码,优惠码/口令,discount code,promo code,coupon_code,专属口令",
    "commission_bp": "commission_bp,佣金率,佣金比例,佣金,commission,commission rate,cps佣金,佣金率(%),佣金(%),"
    "佣金点数,分佣比例,分成比例,返佣比例,提成比例,commission %,commission rate (%)",
    "fee_fen": "fee_fen,fee_cny,fee,报价,全部报价,合作报价,刊例价,刊例,价格,合作价格,费用,合作费,合作费用,坑位费,报价(元),price,rate,报价/元,"
    "合作报价(元),单价,合作单价,达人报价,作品报价,合作费用(元),服务报价,含税报价,裸价,刊例报价,定制视频报价,发布价格,cost,cost per post,rate per post,price per post,post price,quote,rate card,fee (cny),达人费用",
    "fee_image_fen": "fee_image_fen,图文报价,图文笔记一口价,图文价格,图文笔记报价,图文刊例价,图文,"
    "图文笔记价格,图文笔记刊例,图文笔记刊例价,图文笔记一口价(元),图文合作报价,图文一口价,笔记报价,图文笔记",
    "fee_video_fen": "fee_video_fen,视频报价,视频笔记一口价,视频价格,视频笔记报价,视频刊例价,1-20s报价,21-60s报价,60s+报价,视频,"
    "视频笔记价格,视频笔记刊例,视频笔记刊例价,视频合作报价,视频一口价,短视频报价,短视频价格,1-20s视频报价,21-60s视频报价,60s以上视频报价,60s以上报价,1-20秒报价,21-60秒报价,60秒以上报价,植入视频报价,视频报价(1-20s),视频报价(21-60s),视频报价(60s+),视频报价(60s以上),视频笔记,21-60s,1-20s,60s+,video price,video rate",
    "stage": "stage,状态,合作状态,阶段,招募阶段,合作阶段,status,进度,跟进状态,建联状态,跟进阶段,合作进度,关系阶段,relationship status",
    "owner": "owner,负责人,跟进人,媒介,对接人,bd,运营,所属媒介,负责媒介,"
    "对接媒介,对接负责人,跟进媒介,bd负责人,商务负责人,商务,运营负责人,account manager,assigned to,assignee",
    "source": "source,来源,线索来源,招募来源,来源渠道,渠道来源,招募渠道,报名渠道,报名来源,获客渠道,从哪里知道我们,从何处得知,推荐人,lead source,referral source,came from,how did you hear about us",
    "tags": "tags,标签,tag,达人标签,账号标签,人设标签,内容标签/人设,labels,label,keywords",
    "notes": "notes,note,备注,说明,remark,remarks,comment,评价,备注信息,其他备注,合作备注,跟进记录,memo",
    "url": "url,link,主页,主页链接,链接,连结,网址,主页连结,蒲公英链接,详情页链接,博主链接,达人主页,达人链接,主页地址,星图链接,profile,profile url,抖音主页,小红书主页,"
    "主页url,达人主页链接,个人主页,个人主页链接,账号链接,账号主页,博主主页,博主主页链接,小红书链接,抖音链接,快手链接,b站链接,抖音主页链接,小红书主页链接,磁力聚星链接,花火链接,空间链接,profile link,profile_url,account url,account link,channel url,channel link,instagram url,tiktok url,youtube url,homepage,web url",
    "joined_at": "joined_at,加入时间,入库时间,合作时间,首次合作时间,joined,join date,建档时间,入驻时间,"
    "签约时间,签约日期,入库日期,建联时间,首次合作日期,合作日期,date added,added on,added at,signed date,created at",
    "as_of": "as_of,数据日期,统计日期,采集时间,更新时间,数据更新时间,抓取时间,日期,date,snapshot date,统计时间,"
    "数据截止日期,数据时间,数据更新日期,更新日期,采集日期,抓取日期,统计截止,截止日期,last updated,updated at,as of,snapshot_date,data date",
    "posts": "posts,作品数,笔记数,视频数,发布数,media count,作品总数,笔记总数,内容数,video count,videos,note count,post count,"
    "发布作品数,作品总量,发文数,发文量,发布笔记数,笔记总量,总作品数,总笔记数,视频总数,稿件数,投稿数,posts count,posts number,number of posts,total posts,media,uploads,video number",
    "avg_likes": "avg_likes,likes avg,avg likes,平均点赞,平均点赞数,篇均点赞,均赞,点赞均值,average likes,"
    "平均赞,平均获赞,集均点赞,篇均点赞数,笔记均赞,作品均赞,视频均赞,平均点赞量,点赞中位数,likes per post,avg like,mean likes,median likes",
    "avg_comments": "avg_comments,comments avg,avg comments,平均评论,平均评论数,篇均评论,评论均值,"
    "集均评论,篇均评论数,均评,平均评论量,comments per post,average comments,avg comment,median comments",
    "avg_shares": "avg_shares,shares avg,avg shares,平均分享,平均转发,平均分享数,篇均分享,"
    "集均分享,集均转发,篇均分享数,平均转发数,平均转发量,均转,shares per post,average shares,avg share",
    "avg_views": "avg_views,views avg,avg views,平均播放,平均播放量,平均阅读,平均阅读量,篇均阅读,播放均值,average views,平均观看,平均播放数,"
    "平均播放量(万),集均播放,篇均阅读量,篇均播放,播放量均值,播放中位数,播放量中位数,平均阅读数,阅读均值,阅读量均值,平均观看量,均播,average plays,avg plays,average reels plays,avg reels plays,views per post,median views,avg video views,average video views,avg view",
    "total_likes": "total_likes,total likes,获赞,获赞数,总获赞,总点赞,点赞总数,累计获赞,赞数,喜欢数,likes received,"
    "获赞总数,获赞总量,获赞量,累计点赞,点赞总量,总赞数,total like,total_like,likes total,heart count,hearts",
    "new_post_avg_likes": "new_post_avg_likes,new post avg like,new post avg likes",
    "engagement_rate": "engagement_rate,60d eng rate,eng rate,engagement rate,互动率,平均互动率,er,60 day eng rate,互动率(%),"
    "互动率(%),近30天互动率,近60天互动率,30天互动率,互动占比,作品互动率,er %,er%,engagement,engagement %,eng %,average engagement rate,avg engagement rate,30d eng rate,90d eng rate,instagram engagement rate,eng rate (60 days)",
    "authentic_engagement": "authentic_engagement,authentic engagement,真实互动,真实互动量,auth engagement",
    "avg_engagement": "avg_engagement,engagement avg,avg engagement,平均互动,平均互动量,篇均互动,互动均值,平均互动数,average engagement,"
    "篇均互动量,篇均互动数,作品均互动,互动量均值,engagements per post,average engagements,avg engagements",
    "influence_score": "influence_score,influence score,影响力,影响力指数,影响力得分,传播指数,星图指数,"
    "飞瓜指数,千瓜指数,新红指数,灰豚指数,蝉妈妈指数,蝉选指数,综合指数,达人指数,合作指数,种草指数,aqs,quality score,influencer score,audience quality score",
    "metric.liked_collected": "获赞与收藏,赞藏数,赞藏量,赞藏总数,获赞收藏,总赞藏,赞藏,获赞与收藏数,获赞与收藏量,获赞收藏数,点赞与收藏",
    "metric.female_ratio": "粉丝女性用户占比,女性粉丝占比,女粉占比,女性占比,女粉比例,女性粉丝比例,女性比例,女粉丝占比,female,female %,female audience",
    "metric.male_ratio": "粉丝男性用户占比,男性粉丝占比,男粉占比,男性占比,男粉比例,男性粉丝比例,男粉丝占比,male,male %,male audience",
    "metric.active_fans_ratio": "活跃粉丝占比,活跃粉丝比例,活粉占比,活跃度",
    "metric.fans_growth": "粉丝量变化幅度,粉丝增长率",
    "metric.interaction_fans_ratio": "互动粉丝占比",
    "metric.daily_exposure_median": "曝光中位数(日常),日常曝光中位数,曝光中位数",
    "metric.daily_read_median": "阅读中位数(日常),日常阅读中位数,阅读中位数",
    "metric.daily_interaction_median": "互动中位数(日常),日常互动中位数,互动中位数",
    "metric.coop_read_median": "阅读中位数(合作),合作阅读中位数",
    "metric.image_cpm": "图文预估cpm价格,预估图文cpm,图文cpm,图文预估cpm",
    "metric.image_cpr": "图文预估阅读单价,图文笔记阅读单价",
    "metric.image_cpe": "图文预估互动单价,图文笔记互动单价",
    "metric.video_cpm": "视频预估cpm价格,预估视频cpm,视频cpm,视频预估cpm",
    "metric.video_completion": "视频完播率,完播率,平均完播率,5s完播率,视频平均完播率",
    "metric.reply_rate_48h": "邀约48h回复率,邀约48小时回复率,48h回复率",
    "metric.avg_saves": "平均收藏,平均收藏数,篇均收藏,集均收藏,均藏,收藏均值,saves avg,avg saves,average saves",
    "metric.like_fan_ratio": "赞粉比,粉赞比",
    "metric.expected_views": "预期播放量,预估播放量,预估阅读量,预期阅读量,预计播放量,预计曝光",
    "metric.expected_cpm": "预期cpm,预估cpm,cpm,平均cpm",
    "metric.fans_gained": "粉丝增量,涨粉数,涨粉量,近30天涨粉,30天涨粉,近30天粉丝增量,月涨粉,30天粉丝增量",
    "metric.connected_users": "月连接用户数,连接用户数,月深度用户数",
    "metric.fake_followers_ratio": "假粉占比,水粉占比,疑似水粉率,fake followers,fake followers %,suspicious followers",
    "metric.live_sessions_30d": "近30天直播场次",
    "metric.live_avg_viewers": "场均观看人数,场均观播人数,场均观看,场均观众,场均观众数,场均观看量,场均人数,平均在线人数",
    "metric.live_avg_sales": "场均销售额,场均gmv,场均销量,场均销售额(元),场均成交额",
}

METRIC_NAMES: Final = tuple(name for name in _ALIASES if name.startswith(METRIC_PREFIX))
"""Metrics beside a creator's own fields that strangers' headers are known to carry."""

_TOLD_PLATFORM: Final = (
    ("小红书", "xiaohongshu"), ("蒲公英", "xiaohongshu"), ("抖音", "douyin"), ("星图", "douyin"), ("快手", "kuaishou"),
    ("b站", "bilibili"), ("哔哩", "bilibili"), ("视频号", "wechat_channels"), ("微博", "weibo"), ("淘宝直播", "taobao_live"),
    ("xiaohongshu", "xiaohongshu"), ("xhs", "xiaohongshu"), ("douyin", "douyin"), ("kuaishou", "kuaishou"), ("磁力聚星", "kuaishou"),
    ("bilibili", "bilibili"), ("花火", "bilibili"), ("weibo", "weibo"), ("instagram", "instagram"), ("insta", "instagram"), ("tiktok", "tiktok"), ("youtube", "youtube"),
)  # fmt: skip

_WORDS_OF_UNITS: Final = (
    r"元|¥|￥|\$|€|£|rmb|cny|usd|eur|gbp|人民币|万元|万|千元|w|人|万人|个|%|次|篇|条|分|fen|k|m|天|位|单位[:： ]?[^)]{1,4}|必填|选填|必填项|required|optional"
)
_UNIT: Final = re.compile(rf"[(\[【「](?:{_WORDS_OF_UNITS})[)\]】」]|/(?:万元|元|万人|万|人|%|w)$|%$|(?:^|\s)(?:万元|rmb|cny|usd)$", re.IGNORECASE)
_STARS: Final = re.compile(r"^[*＊#]+|[*＊?]+$")
_GAPS: Final = re.compile(r"[\s_\-.:：·\ufeff]+")
_YUAN: Final = re.compile(r"元|¥|cny|rmb|usd|\$|报价|价格|价|刊例|费|金额|成本|price|rate|cost|quote|budget|fee|图文|视频", re.IGNORECASE)
_FEN: Final = re.compile(r"fen\b|[(\[【]分[)\]】]|[/_ ]分$|单位[:： ]?分", re.IGNORECASE)
_TEN_THOUSAND: Final = re.compile(r"[(\[【](?:单位[:： ]?)?(?:万|w)(?:元|人)?[)\]】]|[/_ ](?:万|w)(?:元|人)?$", re.IGNORECASE)


REASON: Final = "原因 reason"
"""Header of the column that says why a row was left out; nobody claims it when the sheet comes back."""

TOTALS: Final = tuple(
    word + colon
    for word in ("合计", "总计", "小计", "汇总", "总和", "共计", "Total", "TOTAL", "total", "Totals", "Grand Total", "Grand total", "Sum", "SUM", "Subtotal")
    for colon in ("", ":", "：")
)
"""First cells of a row that sums the others up."""


def _even(header: str) -> str:
    """Width, case and gaps made alike; marks of required columns and blanks between Chinese words taken off."""
    text = _GAPS.sub(" ", unicodedata.normalize("NFKC", header).lower().translate(_TRADITIONAL)).strip()
    text = _GAPS.sub(" ", _STARS.sub("", text)).strip()
    return _BETWEEN.sub("", text)


_TRADITIONAL: Final = str.maketrans(
    "達紅書號帳暱稱絲數圖報價備註聯絡電話郵箱機類領標籤國連結鏈網態負責贊評論轉發視頻觀長級積係關紀錄單圍範業務優碼場銷額給實時間點擊閱讀簡體專屬經營媒預動別發佈產",
    "达红书号帐昵称丝数图报价备注联络电话邮箱机类领标签国连结链网态负责赞评论转发视频观长级积系关纪录单围范业务优码场销额给实时间点击阅读简体专属经营媒预动别发布产",
)
"""What headers from Taiwan and Hong Kong write for the same words."""
_BETWEEN: Final = re.compile(r"(?<=[\u4e00-\u9fff)])\s+(?=[\u4e00-\u9fff(])")


def plain(header: str) -> str:
    """A header as aliases compare it: width, case, gaps and units made alike."""
    return _GAPS.sub(" ", _UNIT.sub("", _even(header))).strip()


_FIELD_OF: Final = {
    CREATORS: {_even(alias): field for field, aliases in _ALIASES.items() for alias in aliases.split(",")},
    **{kind: {_even(alias): field for alias, field in headers_facts.aliases(kind).items()} for kind in FILES},
}


def field_for(header: str, kind: str = CREATORS) -> str | None:
    """Field that a header means in a kind of file; None for a stranger."""
    words = _FIELD_OF[kind]
    known = words.get(_even(header)) or words.get(plain(header))
    if known is None:
        known = words.get(_asked(header))
    if known is None and kind == CREATORS and header.strip().startswith((METRIC_PREFIX, DATE_PREFIX, PERSON)) and field_of(header.strip()):
        return header.strip()
    return known


_NUMBERED: Final = re.compile(r"^(?:q?\d{1,2}\s*[、.:)]\s*)?(?:请(?:您|你)?(?:填写|输入|留下|提供|选择)(?:一下)?)?(?:您|你)?的?\s*")
_REMARKS: Final = re.compile(r"\((?:必填|选填|单选|多选|required|optional)[^)]*\)|[:?]+$")


def _asked(header: str) -> str:
    """A question of a form as the field that it asks for: ``3、请填写您的微信号（必填）`` asks for 微信号."""
    return _REMARKS.sub("", _NUMBERED.sub("", _even(header))).strip()


def in_fen(header: str) -> bool:
    """Whether a header says that amounts below it are fen."""
    return bool(_FEN.search(unicodedata.normalize("NFKC", header).strip()))


def in_yuan(header: str) -> bool:
    """Whether amounts below a header are yuan rather than fen."""
    return bool(_YUAN.search(unicodedata.normalize("NFKC", header))) and not in_fen(header)


def in_ten_thousands(header: str) -> bool:
    """Whether numbers below a header are counted in 万."""
    return bool(_TEN_THOUSAND.search(unicodedata.normalize("NFKC", header).strip()))


def is_rate(field: str) -> bool:
    """Whether a field is a share in percent, which some files state as a fraction of one."""
    return field in {"engagement_rate", "commission_bp"} or field.endswith(("_ratio", "_rate_48h", "_completion", "fans_growth"))


def told_platform(*texts: str) -> str | None:
    """Platform that a header, a sheet's or a file's name gives away; None where they contradict each other."""
    joined = " ".join(texts).lower()
    found = {code for word, code in _TOLD_PLATFORM if word in joined}
    found |= {"tiktok"} if "tiktoker" in joined else set()
    found |= {"youtube"} if "youtuber" in joined else set()
    return found.pop() if len(found) == 1 else None


def known_share(cells: Sequence[str], kind: str = CREATORS) -> int:
    """How many cells of a row are headers that mean a field."""
    return sum(field_for(cell, kind) is not None for cell in cells if cell.strip())


@dataclass(frozen=True, slots=True)
class Match:
    """Columns of a sheet by field (position from 0), and the headers nobody claimed."""

    columns: Mapping[str, int]
    unmapped: tuple[str, ...]


def match(headers: Sequence[str], overrides: Mapping[str, str], *, only: bool = False, kind: str = CREATORS) -> Match:
    """Columns for fields: what the user says, then what the headers say; of twins the first.

    ``only``: what the user says is all there is, and his numbers are columns even where a header reads like one.
    UsageError for a field or column that is not there.
    """
    columns: dict[str, int] = {}
    for name, wanted in overrides.items():
        field = field_in(kind, name)
        if field is None or not field.importable:
            raise UsageError("unknown_map_field", field=name, known=_importable(kind))
        numbered = only and wanted.isdecimal() and 1 <= int(wanted) <= len(headers)
        columns[SAME_FIELD.get(name, name)] = int(wanted) - 1 if numbered else _column(headers, wanted)
    if only:
        return Match(columns, tuple(dict.fromkeys(header for at, header in enumerate(headers) if at not in columns.values() and header.strip())))
    taken = set(columns.values())
    for at, header in enumerate(headers):
        named = field_for(header, kind)
        if named is not None and at not in taken and named not in columns:
            columns[named] = at
            taken.add(at)
    if kind == CREATORS:
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


def _importable(kind: str) -> str:
    if kind != CREATORS:
        return ", ".join(FILES[kind].fields)
    return ", ".join([*(name for name, one in CREATOR_FIELDS.items() if one.importable), f"{METRIC_PREFIX}NAME"])


def _column(headers: Sequence[str], wanted: str) -> int:
    for exact in (str.strip, plain):
        hits = [at for at, header in enumerate(headers) if exact(header) == exact(wanted) and header.strip()]
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
