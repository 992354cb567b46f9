# SPDX-License-Identifier: Apache-2.0
"""The headers that shops, platforms and people give to the fields of facts, by kind of file."""

from __future__ import annotations

from typing import Final

_WHO: Final = {
    "platform": "platform,平台,渠道,媒体平台,所属平台,发布平台,达人平台,平台名称,内容平台,推广平台,带货平台,social network,network,platform name",
    "platform_uid": "platform_uid,uid,user_id,user id,userid,用户id,达人id,博主id,账号id,作者id,主播id,creator id,account id,author id,influencer id,influencer_id,达人uid,"
    "达人编号,推广者id,带货达人id,达人账号id,作者uid,博主uid,up主id,up主uid,mid,星图id,用户uid,affiliate id,creator_id,小红书用户id,推手id,分销员id,openid",
    "handle": "handle,username,小红书号,红薯号,抖音号,快手号,视频号,达人账号,账号,达人抖音号,带货抖音号,微博号,达人号,博主号,主播抖音号,creator username,affiliate username,instagram handle,creator handle",
    "name": "name,nickname,昵称,达人昵称,达人名称,博主昵称,博主名称,达人,博主,主播,主播昵称,author,作者,作者昵称,作者名称,up主,creator,creator name,influencer,influencer name,推广者,推广者昵称,带货达人,带货者,推手,分销员",
}
_CONTENT: Final = {
    "content_id": "content_id,content id,内容id,作品id,笔记id,视频id,note id,note_id,video id,video_id,post id,post_id,media id,item id,aweme id,稿件id,bvid,aid,id,直播间id,直播场次id,作品编号",
    "published_at": "published_at,发布时间,发布日期,发表时间,上线时间,投稿时间,publish time,publish date,published,post date,posted at,posted on,date,日期,create time,created at,created_at,开播时间,作品发布时间,笔记发布时间",
    "title": "title,标题,笔记标题,视频标题,作品标题,作品名称,内容标题,作品,笔记名称,视频名称,caption,post title,作品描述,视频描述,desc",
    "url": "url,link,链接,笔记链接,视频链接,作品链接,内容链接,官方笔记地址,笔记地址,作品地址,视频地址,发布链接,回链,post url,post link,permalink,content url,video url",
    "impressions": "impressions,曝光,曝光量,曝光数,曝光次数,展现,展现量,展示量,展示次数,展现次数,reach,impression,触达",
    "views": "views,view,播放,播放量,播放数,播放次数,阅读,阅读量,阅读数,浏览量,浏览数,观看量,观看次数,预估阅读量,观看人次,小眼睛,小眼睛数,plays,play count,view count,video views,reads",
    "likes": "likes,like,点赞,点赞数,点赞量,赞,赞数,获赞数,like count,digg count,喜欢",
    "comments": "comments,comment,评论,评论数,评论量,reply,回复,回复数,comment count",
    "shares": "shares,share,分享,分享数,分享量,转发,转发数,转发量,share count,reposts,retweets",
    "saves": "saves,save,收藏,收藏数,收藏量,stars,star,favorite,favorites,favourites,collects,collect,collect count,bookmarks,saved",
    "clicks": "clicks,click,点击,点击数,点击量,点击次数,商品点击数,商品点击次数,商品点击量,组件点击量,link clicks,购物车点击,小黄车点击",
    "add_to_carts": "add_to_carts,add to carts,add to cart,加购,加购数,加购量,加购人数,加购次数,加入购物车,carts",
    "orders": "orders,订单数,订单量,成交订单数,成交单量,支付订单数,下单数,order count,conversions,成交订单量",
    "as_of": "as_of,as of,数据日期,统计日期,采集时间,数据更新时间,更新时间,抓取时间,统计时间,数据时间,snapshot date,stat date,stat_date,data date,updated at,截止日期,数据截止日期",
}
_SHOP: Final = "shop,店铺,店铺名称,店铺名,网店,网店名称,商城,shop name,store,store name,商家名称,卖家昵称,seller,所属店铺,门店,店铺id,shop id,sales channel,来源店铺,下单门店"
_ORDER: Final = (
    "order_id,order id,order number,order no,order,orderid,order_no,order_number,订单号,订单编号,主订单编号,主订单号,订单id,交易号,交易编号,订单序号,order name,invoiceno,invoice no,"
    "invoice,invoice number,amazon order id,amazon-order-id,平台订单号,原始订单号,线上订单号,商户订单号,子母订单号,order/adjustment id,主单号,订单单号,外部订单号"
)
_ALIASES: Final[dict[str, dict[str, str]]] = {
    "contents": {**_WHO, **_CONTENT},
    "metrics": {
        **_WHO,
        **_CONTENT,
        "as_of": _CONTENT["as_of"] + ",date,日期,day,数据日",
        "published_at": _CONTENT["published_at"].replace(",date,日期", ""),
    },
    "sales": {
        **_WHO,
        "order_id": _ORDER,
        "line_id": "line_id,line id,line no,line,子订单编号,子订单号,子订单id,行号,明细id,明细编号,商品行号,order item id,order-item-id,line item id,lineitem id,item id,sub order id,子单号,商品单号,order line,order item number",
        "shop": _SHOP,
        "platform": _WHO["platform"] + ",来源平台,流量来源平台",
        "content_id": "content_id,content id,内容id,作品id,笔记id,视频id,note id,video id,post id,直播间id,来源内容id,带货视频id,推广内容id,引流内容id",
        "coupon": "coupon,优惠码,优惠券,优惠券码,优惠券代码,专属码,折扣码,coupon code,coupon_code,discount code,promo code,discount codes,coupons,口令,活动码,推广码,promotion ids,promotion-ids,优惠码/口令",
        "product": "product,商品,商品名称,商品标题,宝贝标题,宝贝名称,产品,产品名称,品名,选购商品,item,item name,item_name,description,lineitem name,product name,product-name,product title,标题,全部商品名称,商品,货品名称,sku名称",
        "quantity": "quantity,数量,商品数量,购买数量,宝贝总数量,件数,销量,qty,lineitem quantity,quantity-purchased,quantity purchased,商品件数,商品总件数,item quantity,units,成交件数,购买件数",
        "unit_price_fen": "unit_price_fen,unit price,unitprice,单价,商品单价,价格,售价,宝贝价格,商品价格,lineitem price,item cost,成交单价,销售单价,商品实际价格,item-price-each",
        "paid_at": "paid_at,paid at,付款时间,支付时间,订单付款时间,支付完成时间,买家付款时间,付款日期,支付日期,paid date,date paid,payment date,payments-date,payments date,purchase-date,purchase date,invoicedate,invoice date,"
        "order date,order_date,订单时间,下单时间,成交时间,订单创建时间,订单提交时间,创建时间,交易时间,date,日期,created at,created_at,交易日期,订单日期,下单日期,成交日期,支付成功时间,订单支付时间",
        "amount_fen": "amount_fen,amount,实付金额,实付,支付金额,付款金额,买家实际支付金额,买家实付金额,订单应付金额,订单实付金额,成交金额,支付gmv,gmv,总金额,订单金额,销售额,实际支付金额,买家应付货款,商品实付金额,商品金额,子订单实付金额,"
        "total,total price,order total,subtotal,line total,revenue,sales,item-price,item total,paid amount,net sales,成交额,支付成交额,应付金额,实收金额,商品总金额,用户实付,order amount,订单实际金额,order total amount",
        "refund_fen": "refund_fen,refund,退款,退款金额,已退款金额,退款总额,退货金额,退款成功金额,实退金额,refunded amount,refund amount,refunded,amount refunded,returns,售后退款金额,退款额,item-refund-amount,order refund amount",
        "commission_fen": "commission_fen,commission,佣金,佣金支出,达人佣金,实际佣金,预估佣金,结算佣金,佣金金额,推广佣金,佣金支出金额,commission amount,commission paid,affiliate commission,支付佣金,分佣金额,预估佣金支出,实际佣金支出",
        "currency": "currency,币种,货币,currency code,结算币种,order currency",
        "new_customer": "new_customer,new customer,是否新客,新老客,新客,是否新用户,客户类型,新老顾客,新老客户,is new customer,customer type,首单,是否首单,是否首购,新客户",
    },
    "touchpoints": {
        **_WHO,
        "order_id": _ORDER,
        "shop": _SHOP,
        "kind": "kind,触点类型,触点,类型,归因类型,touch,touch type,touchpoint,touchpoint type,type,来源类型",
        "happened_at": "happened_at,happened at,触点时间,发生时间,点击时间,触达时间,时间,time,timestamp,touch time,touched at,clicked at,日期,date",
    },
    "costs": {
        **_WHO,
        "cost_id": "cost_id,cost id,费用编号,费用id,单据号,单据编号,付款单号,流水号,凭证号,id,编号,序号,expense id,payment id,付款编号,费用单号",
        "content_id": "content_id,content id,内容id,作品id,笔记id,视频id,note id,video id,post id",
        "campaign": "campaign,项目,推广项目,活动,活动名称,项目名称,campaign name,推广活动,所属项目,xyz_campaign_id,投放计划,计划名称",
        "kind": "kind,费用类型,费用类别,费用科目,科目,类型,类别,费用项目,费用名称,cost type,expense type,cost kind,type,category,basis,费用种类",
        "amount_fen": "amount_fen,amount,金额,费用,费用金额,支付金额,付款金额,实付金额,cost,spend,spent,total cost,花费,消耗,总费用,合计金额,total_payout,total payout,payout,含税金额,成本,发生金额",
        "currency": "currency,币种,货币,currency code",
        "incurred_at": "incurred_at,incurred at,发生时间,费用日期,发生日期,支付时间,付款时间,付款日期,日期,date,时间,cost date,paid at,expense date,入账日期,记账日期,费用时间,支付日期",
    },
    "events": {
        **_WHO,
        "event_id": "event_id,event id,记录编号,事件id,事件编号,记录id,id,编号,信用记录编号",
        "type": "type,类型,事件类型,记录类型,event type,信用事件,事件,行为,违规类型,event,kind",
        "happened_at": "happened_at,happened at,发生时间,发生日期,时间,日期,event time,date,occurred at,事件时间",
        "recorded_at": "recorded_at,recorded at,登记时间,记录时间,录入时间,logged at,登记日期,filed at",
        "confirmed_at": "confirmed_at,confirmed at,确认时间,审核时间,核实时间,确认日期,approved at",
        "voided_at": "voided_at,voided at,作废时间,撤销时间,作废日期,revoked at",
        "evidence": "evidence,证据,依据,凭证,证据链接,备注,说明,proof,notes,note,截图,证明",
    },
    "contacts": {
        **_WHO,
        "platform": _WHO["platform"].replace(",渠道,", ","),
        "channel": "channel,渠道,沟通渠道,联系渠道,沟通方式,联系方式,跟进方式,方式,建联方式,via,contact channel",
        "direction": "direction,方向,收发,沟通方向,往来",
        "at": "at,时间,沟通时间,联系时间,跟进时间,建联时间,日期,跟进日期,沟通日期,date,time,contacted at,contact date",
        "who": "who,跟进人,负责人,沟通人,媒介,运营,对接人,操作人,contacted by,by,owner",
        "text": "text,内容,沟通内容,跟进内容,跟进记录,沟通记录,聊天记录,备注,消息,message,notes,note,content",
        "answer_by": "answer_by,answer by,回复期限,希望回复时间,截止回复时间,reply by,due",
    },
    "trainings": {
        **_WHO,
        "course": "course,课程,课程名称,培训,培训名称,培训课程,考试,考试名称,course name,training,exam",
        "mark": "mark,分数,成绩,得分,考试成绩,考试分数,总分,score,points,grade",
        "passed": "passed,是否通过,通过,是否合格,合格,结果,考试结果,pass,result",
        "taken_at": "taken_at,taken at,时间,考试时间,培训时间,培训日期,考试日期,日期,提交时间,date,taken on,exam date",
        "passed_at": "passed_at,passed at,通过时间,通过日期,合格时间,passed on,completion date,completed at",
    },
    "quotes": {
        **_WHO,
        "campaign": "campaign,项目,推广项目,项目名称,活动,活动名称,campaign name",
        "kind": "kind,报价类型,类型,价格类型,quote type",
        "format": "format,形式,合作形式,内容形式,发布形式,内容类型,类目形式,content format,deliverable",
        "fee_fen": "fee_fen,fee,报价,价格,合作价,含税报价,报价金额,刊例价,刊例,图文报价,视频报价,quote,price,rate,金额,费用",
        "currency": "currency,币种,货币",
        "tax_included": "tax_included,含税,是否含税,含税价,tax included",
        "platform_fee_fen": "platform_fee_fen,平台服务费,平台费,平台手续费,服务费,platform fee",
        "rebate_bp": "rebate_bp,返点,返点比例,返点率,机构返点,rebate",
        "valid_from": "valid_from,生效日期,有效期起,有效期自,报价日期,valid from",
        "valid_to": "valid_to,有效期至,有效期,失效日期,截止日期,valid to,valid until",
        "round": "round,轮次,报价轮次,第几轮",
        "source": "source,来源,报价来源,渠道来源",
        "note": "note,备注,说明,notes,remark",
    },
    "waybills": {
        "order_no": "order_no,出库单号,发货单号,订单号,订单编号,寄样单号,单号,系统单号,外部单号,order no,order number,reference",
        "carrier": "carrier,快递公司,物流公司,承运商,快递,配送公司,courier",
        "waybill": "waybill,运单号,快递单号,物流单号,快递编号,面单号,tracking number,tracking no,tracking",
        "sent_at": "sent_at,发货时间,发货日期,出库时间,揽收时间,ship date,shipped at",
        "received_at": "received_at,签收时间,签收日期,收货时间,delivered at",
    },
    "paths": {
        "path": "path,路径,转化路径,渠道路径,触点路径,conversion path,channel path,journey,channels,top conversion paths",
        "conversions": "conversions,conversion,转化,转化数,转化次数,转化量,total conversions,converted,total_conversions,订单数",
        "nulls": "nulls,null,null_paths,null paths,未转化,未转化数,未转化次数,total null,total_null,non conversions,not converted,流失数",
    },
}


def aliases(kind: str) -> dict[str, str]:
    """Header texts of a kind of file, as people write them, and the field each means."""
    return {alias: field for field, words in _ALIASES[kind].items() for alias in words.split(",")}
