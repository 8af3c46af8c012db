"""Rules of your own: a function, a field condition, CEL text; and an engine that keeps them and says why.

``inventory_available`` holds when every item is there, ``payment_verified`` when the money is.
"""

from __future__ import annotations

import asyncio

from circuit_breaker import RuleContext, RulesEngine, Token, cel, field, rule


@rule("every item has been set aside", category="inventory")
def inventory_available(token: Token) -> bool:
    return all(item["quantity"] > 0 for item in token.data["items"])


payment_verified = (field("payment_status") == "verified").named(
    "payment_verified", description="the money has arrived", category="payment"
)
worth_insuring = cel("data.items.map(item, item.price).exists(price, price > 500.0)", name="worth_insuring")

may_be_sent = (inventory_available & payment_verified & (~worth_insuring | field("insurance").present())).named(
    "may_be_sent"
)

ORDERS = {
    "lamp": {"payment_status": "verified", "items": [{"quantity": 2, "price": 20.0}]},
    "harp": {"payment_status": "pending", "items": [{"quantity": 0, "price": 4900.0}]},
    "unknown": {"payment_status": "verified"},
}


async def main() -> None:
    engine = RulesEngine()
    for each in (inventory_available, payment_verified, worth_insuring, may_be_sent):
        engine.register_rule(each.name, each)

    for name, data in ORDERS.items():
        token = Token("t1", "pending", data=data)
        answer = await engine.evaluate_rules(["may_be_sent"], RuleContext(token))
        print(f"{name}: {'send it' if answer.passed else 'keep it'}")
        print(answer.results[0].verdict)
        for change in payment_verified.remedies(token):
            print(f"  payment_verified would hold with {change}")
        print()

    print("As JSON, for a rulebook elsewhere:", worth_insuring.to_document())


if __name__ == "__main__":
    asyncio.run(main())
