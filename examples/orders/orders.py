#!/usr/bin/env python3
"""Prints orders as JSON, one a line: orders.py [COUNT [SEED]]. Every twentieth is not as it should be."""
import json
import random
import sys
import uuid

NOTES = ["leave at the door", 'say "hello"', "Grüße 😀", "two\nlines", "", "tab\there", "\\"]


def order(choose, number):
    items = [{"sku": f"A-{choose.randrange(500)}", "quantity": choose.randrange(1, 5),
              "price": choose.randrange(100, 20000) / 100} for _ in range(choose.randrange(1, 4))]
    made = {
        "orderId": 2**53 + 1 + number,
        "placedAt": f"2025-0{choose.randrange(1, 4)}-{choose.randrange(1, 29):02}T{choose.randrange(24):02}:15:30.5"
                    + choose.choice(["Z", "+01:00", "-0530"]),
        "customer": {"id": f"c-{choose.randrange(1000)}", "country": choose.choice(["DE", "FR", "GB", "US"]),
                     "loyalty": {"points": choose.randrange(1000)}},
        "currency": choose.choice(["EUR", "GBP", "USD"]),
        "total": sum(round(item["price"] * 100) * item["quantity"] for item in items) / 100,
        "items": items,
        "clientVersion": [4, choose.randrange(9)],
    }
    if choose.random() < 0.8:
        made["paid"] = choose.random() < 0.9
        made["weightKg"] = choose.randrange(10**6) / 7
    if choose.random() < 0.5:
        made["note"] = choose.choice(NOTES)
        made["attributes"] = {"channel": choose.choice(["web", "shop"]), "campaign": None}
        made["token"] = str(uuid.UUID(int=choose.getrandbits(128)))
    return made


def spoil(choose, made):
    """The text of an order that is a little, or very, different from the others."""
    text = json.dumps(made, ensure_ascii=False)
    return choose.choice([
        lambda: text[:choose.randrange(1, len(text))],                                   # cut off
        lambda: text + "}",
        lambda: text.replace('"currency"', "currency"),
        lambda: json.dumps({**made, "total": "n/a"}),
        lambda: json.dumps({**made, "total": "12.50"}),                                  # a number in quotes is one
        lambda: json.dumps({**made, "total": 1.999}),
        lambda: json.dumps({**made, "total": 1e11}),
        lambda: json.dumps({**made, "orderId": 2**63}),
        lambda: text.replace('"orderId": ', '"orderId": 0.0000000001e10, "orderId": '),  # the last one counts
        lambda: json.dumps({**made, "orderId": 4.0}),
        lambda: json.dumps({**made, "customer": {"country": "DE"}}),
        lambda: json.dumps({**made, "customer": "c-1"}),
        lambda: json.dumps({**made, "customer": {"id": "c-1", "country": "XX"}}),        # filtered
        lambda: json.dumps({**made, "currency": "DEM"}),
        lambda: json.dumps({**made, "weightKg": -1}),
        lambda: json.dumps({**made, "placedAt": 1740787200000}),
        lambda: json.dumps({**made, "placedAt": "2025-02-29"}),
        lambda: json.dumps({**made, "note": "\ud83d"}),                                  # half a character
        lambda: json.dumps({**made, "note": ["not", 1, "text"]}, separators=(",", ":")),
        lambda: json.dumps({**made, "items": [{"sku": "A-1", "quantity": 1.5, "price": 1}]}),
        lambda: json.dumps({**made, "items": []}, indent=None, ensure_ascii=True),
        lambda: "[" + text + "]",
    ])()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    choose = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for number in range(count):
        made = order(choose, number)
        bad = choose.random() < 0.05
        sys.stdout.write((spoil(choose, made) if bad else json.dumps(made, ensure_ascii=False)) + "\n")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
