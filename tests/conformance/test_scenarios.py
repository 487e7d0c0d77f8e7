"""What AMQP clients rely on, whoever made them, and however many routers lie between.

One file, however long: it is the list that a reader compares with that of another router.
"""

from __future__ import annotations

import pytest
from skrouter_testing.amqp_client import Outcome
from skrouter_testing.portable import AnyReceiver, AnySender, LinkRefusedError, Long, Mail
from skrouter_testing.process import wait_until

FAILED = Outcome("modified", failed=True)
NO_NODE = "amqp:not-found"


def joined(world, here, there, address=None, **receiving) -> tuple[AnySender, AnyReceiver]:
    """A sender that has credit, and a receiver."""
    address = address or world.address()
    receiver = there.receiver(address, **receiving)
    sender = here.sender(address)
    sender.wait_credit()
    return sender, receiver


def bodies(arrivals):
    return [arrival.mail.body for arrival in arrivals]


# --- outcomes

OUTCOMES = [
    Outcome("accepted"),
    Outcome("released"),
    Outcome("rejected", "test:no", "not this one"),
    Outcome("rejected", "amqp:decode-error", "a text with ünïcode"),
    FAILED,
    Outcome("modified", failed=True, undeliverable=True),
    Outcome("modified", failed=True, annotations={"x-opt-why": "because"}),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=[f"{n}-{one.state}" for n, one in enumerate(OUTCOMES)])
def test_an_outcome_reaches_the_sender_with_its_data(world, outcome):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sent = sender.send(Mail("x"))
        receiver.take()[0].settle(outcome)
        assert sent.outcome() == outcome


def test_a_modified_delivery_has_always_failed(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sent = sender.send(Mail("x"))
        receiver.take()[0].settle(Outcome("modified", failed=False))
        assert sent.outcome() == FAILED


def test_outcomes_given_in_another_order_reach_their_own_deliveries(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sent = [sender.send(Mail(number)) for number in range(9)]
        arrivals = receiver.take(9)
        for number in (8, 1, 7, 2, 6, 3, 5, 4, 0):
            arrivals[number].settle("accepted" if number % 2 else "released")
        assert [one.outcome().state for one in sent] == ["released", "accepted"] * 4 + ["released"]


def test_a_pre_settled_delivery_arrives_settled(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sender.send(Mail("x"), settled=True)
        (arrival,) = receiver.take()
        assert arrival.settled
        assert arrival.mail.body == "x"


def test_a_sender_that_settles_all_is_served(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        receiver = there.receiver(address)
        sender = here.sender(address, settled=True)
        sender.wait_credit()
        for number in range(20):
            sender.send(Mail(number), settled=True)
        arrivals = receiver.take(20)
        assert all(arrival.settled for arrival in arrivals)
        assert bodies(arrivals) == list(range(20))


def test_settled_and_unsettled_deliveries_of_one_link_keep_their_order(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        for number in range(60):
            sender.send(Mail(number), settled=number % 3 == 0)
        arrivals = receiver.take(60)
        assert bodies(arrivals) == list(range(60))
        assert [arrival.settled for arrival in arrivals] == [number % 3 == 0 for number in range(60)]


def test_a_released_message_may_be_sent_again(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        for answer in ("released", "released", "accepted"):
            sent = sender.send(Mail("again"))
            receiver.take()[0].settle(answer)
            assert sent.outcome().state == answer


# --- messages


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        "ünïcode ☃ 𝄞",
        0,
        1,
        -1,
        2**31,
        True,
        False,
        None,
        [1, "two", [3]],
        {"a": 1, "b": [True, None]},
    ],
    ids=repr,
)
def test_a_body_of_any_type_passes(world, body):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sender.send(Mail(body))
        assert receiver.take()[0].mail.body == body


FIELDS = [
    {"reply_to": "somewhere/else"},
    {"subject": "a subject"},
    {"correlation_id": "id-1"},
    {"group_id": "group"},
    {"content_type": "text/plain"},
    {"priority": 0},
    {"priority": 9},
    {"durable": True},
    {"ttl": 60_000},
    {"application_properties": {"text": "x", "number": 7, "flag": True}},
    {"message_annotations": {"x-opt-own": "kept"}},
    {"delivery_annotations": {"x-opt-hop": "kept"}},
]


@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: "-".join(map(str, *fields.items())))
def test_a_field_passes_unchanged(world, fields):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sender.send(Mail("x", fields))
        assert receiver.take()[0].mail == Mail("x", fields)


def test_all_fields_pass_together(world):
    fields = {name: value for one in FIELDS for name, value in one.items()}
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sender.send(Mail("x", fields))
        assert receiver.take()[0].mail == Mail("x", fields)


@pytest.mark.parametrize("size", [1, 511, 16_300, 65_536, 300_000, 5_000_000])
@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_a_message_of_any_size_arrives_whole(world, size, settled):
    body = Long("0123456789"[:1] if size < 10 else "0123456789", max(size // 10, 1))
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sender.send(Mail(body), settled=settled)
        expected = body.text * body.times if size <= 1000 else body.as_seen()
        assert receiver.take()[0].mail.body == expected


def test_small_messages_behind_a_large_one_keep_the_order(world):
    large = Long("large body", 100_000)
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        for number in range(10):
            sender.send(Mail(large if number % 3 == 1 else number))
        expected = [large.as_seen() if number % 3 == 1 else number for number in range(10)]
        assert bodies(receiver.take(10)) == expected


def test_a_thousand_messages_arrive_once_and_in_order(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sent = []
        for part in range(10):
            sent += [sender.send(Mail(100 * part + number)) for number in range(100)]
            for arrival in receiver.take(100):
                arrival.settle("accepted")
            receiver.flow(100)
            assert all(one.outcome().state == "accepted" for one in sent[-100:])
        assert receiver.waiting == 0


# --- addresses


@pytest.mark.parametrize("form", ["{}", "/{}", "{}/", "amqp:/{}", "amqp://127.0.0.1/{}", "{}."])
def test_every_form_of_an_address_is_the_same_address(world, form):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        receiver = there.receiver(form.format(address))
        sender = here.sender(address)
        sender.wait_credit()
        sender.send(Mail("plain"))
        assert bodies(receiver.take()) == ["plain"]
        anonymous = here.sender(None)
        anonymous.wait_credit()
        anonymous.send(Mail("formed", {"to": form.format(address)}))
        assert bodies(receiver.take()) == ["formed"]


def test_an_anonymous_sender_reaches_the_address_of_each_message(world):
    with world.client("here") as here, world.client("there") as there:
        addresses = [world.address() for _ in range(3)]
        receivers = [there.receiver(address) for address in addresses]
        for address in addresses:
            world.wait_known(address)
        sender = here.sender(None)
        sender.wait_credit()
        for number in range(9):
            sender.send(Mail(number, {"to": addresses[number % 3]}))
        for number, receiver in enumerate(receivers):
            assert bodies(receiver.take(3)) == [number, number + 3, number + 6]


def test_an_anonymous_message_without_address_is_rejected(world):
    with world.client("here") as here:
        sender = here.sender(None)
        sender.wait_credit()
        outcome = sender.send(Mail("to nobody")).outcome()
        assert (outcome.state, outcome.condition) == ("rejected", "amqp:precondition-failed")


def test_an_anonymous_message_to_nobody_is_released(world):
    with world.client("here") as here:
        sender = here.sender(None)
        sender.wait_credit()
        assert sender.send(Mail("x", {"to": world.address()})).outcome() == Outcome("released")


def test_an_anonymous_message_to_an_unavailable_address_is_rejected(world):
    with world.client("here") as here:
        sender = here.sender(None)
        sender.wait_credit()
        outcome = sender.send(Mail("x", {"to": world.address("unavailable")})).outcome()
        assert (outcome.state, outcome.condition) == ("rejected", NO_NODE)


@pytest.mark.parametrize("direction", ["sender", "receiver"])
def test_a_link_to_an_unavailable_address_is_refused(world, direction):
    with world.client("here") as here:
        with pytest.raises(LinkRefusedError) as caught:
            getattr(here, direction)(world.address("unavailable"))
        assert caught.value.condition == NO_NODE
        assert here.sender(None).address is None  # the connection goes on


def test_a_dynamic_source_gets_an_address_that_replies_find(world):
    with world.client("here") as asking, world.client("there") as answering:
        replies = asking.receiver(None, dynamic=True)
        assert replies.address
        sender = answering.sender(None)
        sender.wait_credit()
        sent = sender.send(Mail("reply", {"to": replies.address}))
        (arrival,) = replies.take()
        arrival.settle("accepted")
        assert arrival.mail.body == "reply"
        assert sent.outcome().state == "accepted"


def test_dynamic_addresses_are_never_the_same(world):
    with world.client("here") as client:
        addresses = {client.receiver(None, dynamic=True).address for _ in range(20)}
        assert len(addresses) == 20


def test_a_dynamic_target_gets_an_address_that_receivers_find(world):
    with world.client("here") as here, world.client("there") as there:
        sender = here.sender(None, dynamic=True)
        assert sender.address
        receiver = there.receiver(sender.address)
        sender.wait_credit()
        sender.send(Mail("found"))
        assert bodies(receiver.take()) == ["found"]


def test_requests_and_replies_go_round(world):
    with world.client("here") as asking, world.client("there") as answering:
        address = world.address()
        requests = answering.receiver(address)
        replies = asking.receiver(None, dynamic=True)
        sender = asking.sender(address)
        sender.wait_credit()
        back = answering.sender(None)
        back.wait_credit()
        for number in range(20):
            sender.send(Mail(number, {"reply_to": replies.address, "correlation_id": f"c{number}"}))
        for request in requests.take(20):
            fields = {
                "to": request.mail.fields["reply_to"],
                "correlation_id": request.mail.fields["correlation_id"],
            }
            back.send(Mail(request.mail.body * 2, fields))
            request.settle("accepted")
        answers = [(one.mail.fields["correlation_id"], one.mail.body) for one in replies.take(20)]
        assert answers == [(f"c{number}", number * 2) for number in range(20)]


# --- treatments


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_multicast_gives_every_receiver_one_copy(world, settled):
    with world.client("here") as here, world.client("there") as there:
        address = world.address("multicast")
        receivers = [here.receiver(address), there.receiver(address), there.receiver(address)]
        world.wait_count(address, 3 if world.is_one_router else 2)
        world.wait_there(address, 3 if world.is_one_router else 2)
        sender = here.sender(address)
        sender.wait_credit()
        for number in range(10):
            sender.send(Mail(number), settled=settled)
        assert [bodies(receiver.take(10)) for receiver in receivers] == [list(range(10))] * 3
        assert [receiver.waiting for receiver in receivers] == [0, 0, 0]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (("accepted", "accepted"), "accepted"),
        (("accepted", "released"), "accepted"),
        (("released", "released"), "released"),
        (("accepted", "rejected"), "rejected"),
        (("released", "modified"), "modified"),
    ],
    ids="-".join,
)
def test_the_sender_of_a_multicast_hears_the_weightiest_outcome(world, said, heard):
    with world.client("here") as here, world.client("there") as there:
        address = world.address("multicast")
        receivers = [here.receiver(address), there.receiver(address)]
        world.wait_count(address, 2)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.send(Mail("x"))
        for receiver, state in zip(receivers, said, strict=True):
            receiver.take()[0].settle(Outcome(state, "test:no" if state == "rejected" else ""))
        assert sent.outcome().state == heard


def test_closest_serves_receivers_of_its_own_router(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address("closest")
        far, near = there.receiver(address), here.receiver(address)
        world.wait_count(address, 2)
        sender = here.sender(address)
        sender.wait_credit()
        for number in range(10):
            sender.send(Mail(number))
        if world.is_one_router:
            wait_until(lambda: near.waiting + far.waiting == 10, "all to arrive")
            assert near.waiting == far.waiting == 5
        else:
            assert bodies(near.take(10)) == list(range(10))
            assert far.waiting == 0


def test_balanced_shares_between_receivers_that_do_not_settle(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        first, second = there.receiver(address), there.receiver(address)
        world.wait_there(address, 2)
        sender = here.sender(address)
        sender.wait_credit()
        for number in range(20):
            sender.send(Mail(number))
        wait_until(lambda: first.waiting + second.waiting == 20, "all to arrive")
        assert (first.waiting, second.waiting) == (10, 10)


def test_d10_a_released_delivery_goes_to_another_receiver_if_its_sender_asks_for_that(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address("closest")
        receivers = [there.receiver(address) for _ in range(3)]
        world.wait_there(address, 3)
        sender = here.sender(address, capabilities=("qd.resend-released",))
        sender.wait_credit()
        sent = sender.send(Mail("try on"))
        for answer in ("released", "released", "accepted"):
            wait_until(lambda: any(receiver.waiting for receiver in receivers), "an arrival")
            (receiver,) = (one for one in receivers if one.waiting)
            (arrival,) = receiver.take()
            assert arrival.mail.body == "try on"
            arrival.settle(answer)
        assert sent.outcome().state == "accepted"
        assert all(receiver.waiting == 0 for receiver in receivers)


def test_a_delivery_that_all_have_released_is_released(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        receivers = [there.receiver(address) for _ in range(2)]
        world.wait_there(address, 2)
        sender = here.sender(address, capabilities=("qd.resend-released",))
        sender.wait_credit()
        sent = sender.send(Mail("nobody wants me"))
        for _ in receivers:
            wait_until(lambda: any(receiver.waiting for receiver in receivers), "an arrival")
            next(one for one in receivers if one.waiting).take()[0].settle("released")
        assert sent.outcome() == Outcome("released")


def test_a_stream_passes(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        receiver = there.receiver(address)
        sender = here.sender(address, capabilities=("qd.streaming-deliveries",))
        sender.wait_credit()
        body = Long("stream", 200_000)
        sent = sender.send(Mail(body))
        (arrival,) = receiver.take()
        arrival.settle("accepted")
        assert arrival.mail.body == body.as_seen()
        assert sent.outcome().state == "accepted"


# --- credit


def test_a_sender_has_no_credit_before_there_is_a_receiver(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        sender = here.sender(address)
        assert sender.credit == 0
        receiver = there.receiver(address)
        sender.wait_credit()
        sender.send(Mail("now"))
        assert bodies(receiver.take()) == ["now"]


def test_a_sender_may_have_250_deliveries_unsettled(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there, credit=250)
        for number in range(250):
            sender.send(Mail(number))
        arrivals = receiver.take(250)
        assert sender.credit == 0
        for arrival in arrivals:
            arrival.settle("accepted")
        sender.wait_credit()


def test_a_receiver_gets_no_more_than_it_has_credit_for(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there, credit=3)
        for number in range(10):
            sender.send(Mail(number))
        assert bodies(receiver.take(3)) == [0, 1, 2]
        assert receiver.waiting == 0
        receiver.flow(4)
        assert bodies(receiver.take(4)) == [3, 4, 5, 6]
        assert receiver.waiting == 0


def test_d9_a_drain_without_messages_ends_at_once(world):
    with world.client("there") as there:
        receiver = there.receiver(world.address(), credit=10)
        receiver.drain()
        assert receiver.waiting == 0


def test_d9_a_drain_leaves_the_link_of_use(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there, credit=10)
        sender.send(Mail("before"))
        receiver.take()
        receiver.drain()
        sender.send(Mail("behind"))
        receiver.flow(1)
        assert bodies(receiver.take()) == ["behind"]


# --- ends


def test_unsettled_deliveries_of_a_receiver_that_detaches_are_modified(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there)
        sent = [sender.send(Mail(number)) for number in range(5)]
        receiver.take(5)
        receiver.close()
        assert [one.outcome() for one in sent] == [FAILED] * 5


def test_deliveries_that_wait_for_a_receiver_that_detaches_are_released(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there, credit=1)
        sent = [sender.send(Mail(number)) for number in range(5)]
        receiver.take()
        receiver.close()
        assert [one.outcome().state for one in sent] == ["modified"] + ["released"] * 4


def test_deliveries_of_a_receiver_that_dies_end_for_their_sender(world):
    with world.client("here") as here:
        there = world.client("there").__enter__()
        sender, receiver = joined(world, here, there)
        sent = [sender.send(Mail(number)) for number in range(5)]
        receiver.take(5)
        there.kill()
        assert {one.outcome().state for one in sent} <= {"modified", "released"}


def test_what_a_sender_has_sent_arrives_though_it_detaches(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there, credit=0)
        for number in range(20):
            sender.send(Mail(number))
        sender.close()
        receiver.flow(20)
        assert bodies(receiver.take(20)) == list(range(20))


def test_another_receiver_takes_over(world):
    with world.client("here") as here, world.client("there") as there:
        sender, receiver = joined(world, here, there, address=(address := world.address()))
        sent = sender.send(Mail("first"))
        receiver.take()[0].settle("accepted")
        assert sent.outcome().state == "accepted"
        receiver.close()
        again = there.receiver(address)
        world.wait_known(address)
        sender.wait_credit()
        sent = sender.send(Mail("second"))
        again.take()[0].settle("accepted")
        assert sent.outcome().state == "accepted"


# --- many


def test_one_connection_sends_to_itself(world):
    with world.client("here") as client:
        address = world.address()
        receiver = client.receiver(address)
        sender = client.sender(address)
        sender.wait_credit()
        sent = sender.send(Mail("to myself"))
        receiver.take()[0].settle("accepted")
        assert sent.outcome().state == "accepted"


def test_a_hundred_links_of_one_connection_do_not_disturb_each_other(world):
    with world.client("here") as here, world.client("there") as there:
        addresses = [world.address() for _ in range(50)]
        receivers = [there.receiver(address) for address in addresses]
        senders = [here.sender(address) for address in addresses]
        for number, sender in enumerate(senders):
            sender.wait_credit()
            sender.send(Mail(number))
        assert [bodies(receiver.take()) for receiver in receivers] == [[number] for number in range(50)]


def test_several_senders_share_a_receiver(world):
    with world.client("here") as here, world.client("there") as there:
        address = world.address()
        receiver = there.receiver(address)
        senders = [here.sender(address) for _ in range(5)]
        for number, sender in enumerate(senders):
            sender.wait_credit()
            for step in range(4):
                sender.send(Mail([number, step]))
        arrived = bodies(receiver.take(20))
        assert sorted(arrived) == [[number, step] for number in range(5) for step in range(4)]
        for number in range(5):
            assert [step for sender, step in arrived if sender == number] == [0, 1, 2, 3]


def test_management_answers(world):
    with world.client("here") as client:
        replies = client.receiver(None, dynamic=True)
        sender = client.sender("$management")
        sender.wait_credit()
        request = {
            "operation": "QUERY",
            "type": "org.amqp.management",
            "entityType": "io.skupper.router.router",
        }
        fields = {"reply_to": replies.address, "correlation_id": "q", "application_properties": request}
        sender.send(Mail({"attributeNames": ["id"]}, fields))
        (arrival,) = replies.take()
        assert arrival.mail.fields["application_properties"]["statusCode"] == 200
        assert arrival.mail.fields["correlation_id"] == "q"
        assert arrival.mail.body["attributeNames"] == ["id"]
