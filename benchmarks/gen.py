# SPDX-License-Identifier: Apache-2.0
# mypy: ignore-errors
# fmt: off
"""Deterministic creator/KOC data set: python gen.py --scale S|M|L --seed 7 --out DIR [--delta 10000]

Writes creators.csv contents.csv orders.csv events.csv costs.csv (UTF-8, LF, header) and,
with --delta N, orders_delta.csv: N orders that come after the last order in orders.csv.
Money is in fen (integers) except creators.fee_cny. Times are Asia/Shanghai, without a zone, as shops export them. Only Python and numpy are needed.
A creator is named by platform_uid in every file; coupon is the creator's own code, and platform_uid in orders.csv is the platform's attribution.
The same (seed, scale, numpy major) gives the same bytes; sha256 of each file is printed.
"""
import argparse, hashlib, os, time
import numpy as np

SCALES = {  # creators, contents, orders, credit events, cost lines
    "T": (500, 2_000, 10_000, 1_500, 1_200),
    "S": (5_000, 20_000, 100_000, 15_000, 12_000),
    "M": (100_000, 500_000, 2_000_000, 300_000, 300_000),
    "L": (600_000, 3_000_000, 10_000_000, 1_800_000, 1_800_000),
}
PLATFORMS = ["douyin", "xiaohongshu", "kuaishou", "bilibili", "weibo", "wechat_channels", "taobao_live", "tiktok"]
P_PLAT = [.30, .27, .12, .09, .08, .07, .04, .03]
CATS = ["美妆", "护肤", "母婴", "美食", "穿搭", "家居", "数码", "健身", "宠物", "旅行", "图书", "汽车", "游戏", "户外", "保健", "珠宝"]
CITIES = ["北京", "上海", "广州", "深圳", "杭州", "成都", "重庆", "武汉", "西安", "长沙", "南京", "苏州", "郑州", "青岛", "厦门",
          "昆明", "沈阳", "合肥", "福州", "济南", "宁波", "东莞", "佛山", "无锡", "哈尔滨", "大连", "贵阳", "南宁", "太原", "义乌"]
PRE = ["小", "大", "阿", "老", "爱", "是", "萌", "酷", "甜", "嗨", "这里是", "叫我", "一只", "今天也要", "元气", "人间", "深夜", "快乐", "佛系", "硬核"]
GIVEN = list("鹿熊猫兔鱼星月云雨雪风花柚桃橙梨杏荷竹松梅兰菊楠萱涵轩宇辰熙诺言安宁乐欣悦琪瑶婷娜丽敏静雯倩颖洁莹霞玲珊珍芳燕"
             "强磊军洋勇杰涛明超刚平辉鹏飞龙虎豹鹤鸣麟骏驰航帆浩瀚森林海川江河湖泉溪石岩峰岭")
ROLE = ["美食日记", "探店", "穿搭笔记", "护肤研究所", "妈妈", "育儿经", "测评", "好物分享", "种草机", "减脂餐", "露营", "猫咪日常", "数码控",
        "读书会", "爱生活", "的衣橱", "厨房", "旅行家", "在路上", "试色", "开箱", "健身打卡", "省钱攻略", "工厂店", "主播", "同学", "小姐姐", "大叔", "阿姨", "吃不胖"]
EN = ["Mia", "Lucy", "Coco", "Kiki", "Luna", "Amy", "Jojo", "Nana", "Vivi", "Leo", "Max", "Tina", "Ella", "Yuki", "Momo", "Ryan", "Cici", "Zoe", "Bella", "Sunny"]
EN2 = ["Beauty", "Style", "Eats", "Lab", "Home", "Fit", "Daily", "Vlog", "Tech", "Mom", "Pets", "Travel", "Reads", "Glow", "Closet", "Kitchen"]
EMO = ["✨", "🌸", "🍓", "🐱", "🐰", "🔥", "💄", "🍜", "📷", "🌈", "👶", "🏕️", "🎮", "🧋", "💪🏻", "🇨🇳"]
SURN = list("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤")
# credit event types and cost kinds are those of design/rules.md
KINDS = ["posted_on_time", "draft_on_time", "approved_first_pass", "metrics_verified", "replied_in_time", "praised", "training_passed", "posted_late",
         "posted_very_late", "cancelled_by_creator", "no_show", "revision_required", "ad_label_missing", "prohibited_claim", "report_upheld",
         "engagement_anomaly", "fake_engagement", "slow_reply", "dispute_lost"]
P_KIND = [.30, .10, .14, .10, .08, .05, .03, .05, .02, .01, .015, .03, .02, .01, .005, .02, .005, .01, .005]
COST_KINDS = ["fee", "sample", "freight", "boost", "platform_fee"]
EPOCH = np.datetime64("2024-01-01", "D")
DAYS = 1035  # to 2026-10-31


def day_strings(lo=-1500, hi=DAYS + 400):
    return np.array([str(EPOCH + int(i)) for i in range(lo, hi)], dtype=object), -lo


def sec_strings():
    return np.array([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86400)], dtype=object)


DSTR, DOFF = day_strings()
SSTR = sec_strings()


def write(path, header, fmt, cols, n, chunk=200_000):
    """cols: arrays (or callables lo,hi -> list); a row is fmt % tuple"""
    h = hashlib.sha256()
    t = time.time()
    with open(path, "wb", buffering=1 << 20) as f:
        b = (header + "\n").encode(); f.write(b); h.update(b)
        for lo in range(0, n, chunk):
            hi = min(n, lo + chunk)
            part = [c(lo, hi) if callable(c) else c[lo:hi].tolist() for c in cols]
            b = "".join(map(fmt.__mod__, zip(*part))).encode()
            f.write(b); h.update(b)
    print(f"{os.path.basename(path):18s} {n:>10,} rows {os.path.getsize(path)/1e6:8.1f} MB {time.time()-t:6.1f} s sha256 {h.hexdigest()[:16]}", flush=True)


def ts(day, sec):
    return lambda lo, hi: list(map(" ".join, zip(DSTR[day[lo:hi] + DOFF].tolist(), SSTR[sec[lo:hi]].tolist())))


def pick(words, idx):
    a = np.array(words, dtype=object)
    return a[idx]


def nicknames(r, n, cat):
    g = lambda w: pick(w, r.integers(0, len(w), n))
    # names are drawn with a skew, so a 2-character search can be common or rare
    gi = lambda: pick(GIVEN, np.minimum((r.random(n) ** 1.7 * len(GIVEN)).astype(int), len(GIVEN) - 1))
    pre, g1, g2, role, sur, en, en2, emo = g(PRE), gi(), gi(), g(ROLE), g(SURN), g(EN), g(EN2), g(EMO)
    num, k, e, catw = r.integers(1, 9999, n), r.random(n), r.random(n), pick(CATS, cat)
    city = g(CITIES)
    out = np.empty(n, dtype=object)
    for i, (a, b, c, d, s, x, y, m, q, kk, ee, cw, ct) in enumerate(zip(pre, g1, g2, role, sur, en, en2, emo, num, k, e, catw, city)):
        if kk < .26: v = a + b + c + d
        elif kk < .40: v = s + b + c
        elif kk < .54: v = b + c + d
        elif kk < .66: v = ct + b + d
        elif kk < .78: v = x + b + d
        elif kk < .86: v = f"{x}{y}_{q}"
        elif kk < .93: v = f"{x}的{cw}{d}"
        elif kk < .97: v = f"{a}{b}{x.lower()}{q}"
        else: v = f"{x} {y}"
        if ee < .22: v += m
        elif ee < .25: v = m + v + m
        out[i] = v
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--scale", default="S", choices=SCALES)
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--out", default=".")
    ap.add_argument("--delta", type=int, default=0)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    nc, nt, no, ne, nk = SCALES[a.scale]
    r = np.random.default_rng([a.seed, nc])
    p = lambda f: os.path.join(a.out, f)
    t0 = time.time()

    # ---- creators: 1/6 mid-tier (power law from 10k), 5/6 nano (power law from 300)
    mid = np.zeros(nc, bool); mid[r.permutation(nc)[: nc // 6]] = True
    u = r.random(nc)
    foll = np.where(mid, 1e4 * (1 - u) ** (-1 / 1.16), np.minimum(300 * (1 - u) ** (-1 / .9), 9_999)).astype(np.int64)
    foll = np.minimum(foll, 45_000_000)
    cat = np.minimum((r.random(nc) ** 1.4 * len(CATS)).astype(int), len(CATS) - 1)
    plat = r.choice(len(PLATFORMS), nc, p=P_PLAT)
    city = np.minimum((r.random(nc) ** 1.6 * len(CITIES)).astype(int), len(CITIES) - 1)
    nick = nicknames(r, nc, cat)
    fee = np.maximum(50, np.round(foll ** .78 * r.lognormal(0, .45, nc) * .9 / 50) * 50).astype(int)
    uid = 6_000_000_000 + r.permutation(nc) * 7 + 3  # unique over all platforms, so that the other files can name a creator by it
    phone = (np.array([130, 135, 138, 139, 150, 158, 177, 186, 188, 199])[r.integers(0, 10, nc)] * 10 ** 8 + r.integers(0, 10 ** 8, nc))
    wx = r.integers(0, 36 ** 6, nc)
    ph = np.where(r.random(nc) < .82, phone.astype(str).astype(object), "")
    wxs = np.array([f"wx_{np.base_repr(int(v), 36).lower()}" if z else "" for v, z in zip(wx, r.random(nc) < .74)], dtype=object)
    jday, jsec = r.integers(-700, DAYS, nc), r.integers(0, 86400, nc)
    comm = np.array([0, 500, 800, 1000, 1200, 1500, 2000, 2500])[r.integers(0, 8, nc)]
    status = pick(["lead", "contacted", "trial", "active", "paused", "ended"], r.choice(6, nc, p=[.22, .18, .12, .38, .08, .02]))
    ids = np.arange(1, nc + 1)
    write(p("creators.csv"), "platform,platform_uid,nickname,followers,category,city,fee_cny,commission_bp,phone,wechat,coupon,stage,joined_at",
          "%s,%s,%s,%d,%s,%s,%d,%d,%s,%s,KOC%06d,%s,%s\n",
          [pick(PLATFORMS, plat), uid, nick, foll, pick(CATS, cat), pick(CITIES, city),
           fee, comm, ph, wxs, ids, status, ts(jday, jsec)], nc)

    # ---- who sells: 20% of creators never get an order; the rest follow Zipf(1.0) tied loosely to followers
    sells = np.ones(nc, bool); sells[r.permutation(nc)[: nc // 5]] = False
    act = np.flatnonzero(sells)
    rank = np.argsort(np.argsort(-(np.log(foll[act]) + r.normal(0, 1.6, act.size)))) + 1
    w = np.zeros(nc); w[act] = 1.0 / rank
    # ---- contents: every seller has one, the rest by sqrt weight, 8% of creators without content at all among non-sellers
    base = act[:nt] if act.size > nt else act
    wc = np.sqrt(w + 1e-7); wc[~sells] *= 3; wc[np.flatnonzero(~sells)[: nc // 12]] = 0
    extra = np.repeat(np.arange(nc), r.multinomial(nt - base.size, wc / wc.sum()))
    cc = np.concatenate([base, extra])[r.permutation(nt)]
    pday = np.sort(r.integers(0, DAYS - 2, nt)); psec = r.integers(0, 86400, nt)
    # ---- orders: one for each seller (its first content), the rest multinomial over contents
    first = np.full(nc, -1); first[cc[::-1]] = np.arange(nt)[::-1]
    n1 = min(act.size, no)
    cw = w[cc] * r.lognormal(0, 1.1, nt); share = np.bincount(cc, cw, nc); cw = np.where(share[cc] > 0, cw / np.maximum(share[cc], 1e-300) * w[cc], 0)
    ocnt = r.multinomial(no - n1, cw / cw.sum()); np.add.at(ocnt, first[act[:n1]], 1)
    eng = r.lognormal(-2.9, .6, nt)
    imp = (foll[cc] * r.lognormal(-.3, .9, nt)).astype(np.int64) + 50 + ocnt * r.integers(20, 90, nt)
    likes = (imp * np.minimum(eng, .5)).astype(np.int64)
    comments, shares, saves = [(likes * r.beta(1.2, k, nt)).astype(np.int64) for k in (14, 22, 6)]
    clicks = np.minimum(imp, ocnt * r.integers(4, 30, nt) + (imp * r.beta(1, 60, nt)).astype(np.int64))
    carts = np.minimum(clicks, ocnt + (clicks * r.beta(2, 20, nt)).astype(np.int64))
    write(p("contents.csv"), "content_id,platform_uid,published_at,impressions,likes,comments,shares,saves,clicks,add_to_carts,orders",
          "%d,%d,%s,%d,%d,%d,%d,%d,%d,%d,%d\n",
          [np.arange(1, nt + 1), uid[cc], ts(pday, psec), imp, likes, comments, shares, saves, clicks, carts, ocnt], nt)

    def orders(path, content, start, day, sec):
        n = content.size
        o = np.lexsort((sec, day)); content, day, sec = content[o], day[o], sec[o]
        cid = cc[content] + 1
        amt = (np.round(r.lognormal(4.6, .75, n), 1) * 100).astype(np.int64) + 90
        x = r.random(n)
        ref = np.where(x < .06, amt, np.where(x < .085, amt // 2, 0))
        com = (amt - ref) * comm[cid - 1] // 10_000
        has = r.random(n) < .55
        def coupon(lo, hi):
            return ["KOC%06d" % c if z else "" for c, z in zip(cid[lo:hi].tolist(), has[lo:hi].tolist())]
        write(path, "order_id,platform_uid,content_id,coupon,paid_at,amount_fen,refund_fen,commission_fen",
              "%d,%d,%d,%s,%s,%d,%d,%d\n", [np.arange(start, start + n), uid[cid - 1], content + 1, coupon, ts(day, sec), amt, ref, com], n)

    content = np.repeat(np.arange(nt), ocnt)
    oday = np.minimum(pday[content] + r.exponential(4.0, no).astype(np.int64), DAYS - 1)
    orders(p("orders.csv"), content, 1_000_000_001, oday, r.integers(0, 86400, no))

    # ---- credit events
    ec = np.where(r.random(ne) < .5, r.choice(nc, ne), act[np.minimum((act.size * r.random(ne) ** 2.2).astype(int), act.size - 1)])
    kind = r.choice(len(KINDS), ne, p=P_KIND); eday = np.sort(r.integers(0, DAYS, ne))
    write(p("events.csv"), "event_id,platform_uid,happened_at,type", "%d,%d,%s,%s\n",
          [np.arange(1, ne + 1), uid[ec], ts(eday, r.integers(0, 86400, ne)), pick(KINDS, kind)], ne)
    # ---- costs: fee lines on 60% of contents, then samples, shipping, boosts
    kt = r.integers(0, nt, nk); kk = r.choice(5, nk, p=[.45, .25, .18, .08, .04])
    kamt = np.select([kk == 0, kk == 1, kk == 2, kk == 3], [fee[cc[kt]] * 100, r.integers(3_000, 40_000, nk), r.integers(600, 2_500, nk),
                                                          r.integers(10_000, 800_000, nk)], r.integers(1_000, 20_000, nk))
    write(p("costs.csv"), "cost_id,platform_uid,content_id,kind,amount_fen,incurred_at", "%d,%d,%d,%s,%d,%s\n",
          [np.arange(1, nk + 1), uid[cc[kt]], kt + 1, pick(COST_KINDS, kk), kamt, ts(pday[kt], psec[kt])], nk)
    if a.delta:
        dcontent = r.choice(nt, a.delta, p=cw / cw.sum())
        orders(p("orders_delta.csv"), dcontent, 1_000_000_001 + no, np.full(a.delta, DAYS), np.sort(r.integers(0, 86400, a.delta)))
    print(f"scale {a.scale} seed {a.seed}: {time.time()-t0:.1f} s total, creators with no order {100*(1-np.unique(cc[ocnt>0]).size/nc):.1f}%, "
          f"top 1% of creators hold {100*np.sort(np.bincount(cc,ocnt,nc))[::-1][:nc//100].sum()/no:.0f}% of orders")


if __name__ == "__main__":
    main()
