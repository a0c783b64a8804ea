"""Dead letters: shown, replayed once, purged; over kill -9 of ingress; and requests that may not be."""

import signal

import grpc
import pytest
from harness import (api, coap_client, dead_letters, mosquitto_pub, sluicectl, sluicectl_json, value_of, wait_for)

pb = api("telemetry_service_pb2")
registry_pb2 = api("registry_service_pb2")
device_pb2 = api("device_pb2")


def letters_of(clients, device):
    return [d for d in dead_letters(clients) if d.device_id == device]


def disabled_device(clients, device):
    clients.registry.CreateDevice(registry_pb2.CreateDeviceRequest(
        device=device_pb2.Device(id=device, sensor={}, enabled=False)), timeout=10)


def enable(box, device):
    sluicectl(box, "devices", "update", device, "--enable")


def refused_by_mqtt(box, clients, device, payloads):
    """Publishes until ingress knows that the device is disabled, then `payloads`; returns their letters."""
    def refused():
        mosquitto_pub(box, f"devices/{device}/telemetry", "0", "-q", "1")
        return letters_of(clients, device)
    wait_for(refused, f"the refusal of {device}")
    for payload in payloads:
        assert mosquitto_pub(box, f"devices/{device}/telemetry", payload, "-q", "1").returncode == 0
    wanted = [p.encode() for p in payloads]
    return wait_for(lambda: (found := [d for d in letters_of(clients, device) if d.payload in wanted])
                    and len(found) == len(payloads) and found, "the dead letters")


def replay(clients, *offsets, **filters):
    request = pb.ReplayDeadLettersRequest(offsets=offsets)
    if filters:
        request.filter.CopyFrom(pb.DeadLetterFilter(**filters))
    return clients.telemetry.ReplayDeadLetters(request, timeout=10).results


def replay_until_enabled(clients, offset):
    """Ingress learns from the registry that the device is enabled a moment later."""
    def taken():
        result = replay(clients, offset)[0]
        assert result.code in (0, grpc.StatusCode.FAILED_PRECONDITION.value[0]), result
        return result if result.code == 0 else None
    return wait_for(taken, "the device to be known as enabled")


def telemetry_at(clients, offset):
    request = pb.SubscribeTelemetryRequest()
    request.start.offset = offset
    stream = clients.telemetry.SubscribeTelemetry(request, timeout=20)
    for response in stream:
        if response.telemetry:
            stream.cancel()
            return response.telemetry[0]
    raise AssertionError("the stream ended")


def values_up_to(clients, device, offset):
    """What the device has in the journal, up to this offset."""
    request = pb.SubscribeTelemetryRequest(filter=pb.TelemetryFilter(device_ids=[device]))
    request.start.earliest.SetInParent()
    values = []
    stream = clients.telemetry.SubscribeTelemetry(request, timeout=20)
    for response in stream:
        values += [value_of(m.readings[0]) for m in response.telemetry]
        if response.next_offset > offset:
            stream.cancel()
            return values
    raise AssertionError("the stream ended")


def test_a_replay_takes_in_once_what_may_come_in_now(box, clients):
    disabled_device(clients, "shy")
    first, second = refused_by_mqtt(box, clients, "shy", ["11", "12"])
    assert first.reason == pb.DEAD_LETTER_REASON_DISABLED_DEVICE
    before = len(letters_of(clients, "shy"))
    # Refused again: told, kept, and not written twice.
    result = replay(clients, first.offset)[0]
    assert result.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert "disabled" in result.message
    assert len(letters_of(clients, "shy")) == before

    enable(box, "shy")
    result = replay_until_enabled(clients, first.offset)
    taken = telemetry_at(clients, result.offset)
    assert taken.device_id == "shy"
    assert value_of(taken.readings[0]) == 11
    assert taken.received_time == first.received_time
    assert taken.sender == first.sender
    again = replay(clients, first.offset)[0]
    assert again.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert "replayed" in again.message
    with pytest.raises(grpc.RpcError) as caught:
        clients.telemetry.GetDeadLetter(pb.GetDeadLetterRequest(offset=first.offset), timeout=10)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND

    box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
    box.start_one("ingress")
    wait_for(lambda: answers(clients), "ingress")
    assert first.offset not in [d.offset for d in letters_of(clients, "shy")]
    assert second.offset in [d.offset for d in letters_of(clients, "shy")]
    rows = sluicectl_json(box, "deadletters", "replay", "--device", "shy", "--reason", "disabled-device")
    assert {int(row["code"]) for row in rows} == {0}
    assert second.offset in [int(row["dead_letter_offset"]) for row in rows]
    assert not letters_of(clients, "shy")
    # Each came once; the zeros are of before ingress knew that the device is disabled.
    values = values_up_to(clients, "shy", max(int(row["offset"]) for row in rows))
    assert [v for v in values if v] == [11, 12]


def answers(clients):
    try:
        return dead_letters(clients) is not None
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return False


def test_coap_letters_come_in_the_way_they_came(box, clients):
    disabled_device(clients, "shy-coap")

    def refused():
        coap_client(box, "post", "/devices/shy-coap/telemetry", '{"n": 7}', "-t", "50")
        return letters_of(clients, "shy-coap")
    letter = wait_for(refused, "a dead letter")[0]
    assert letter.address == "/devices/shy-coap/telemetry"
    enable(box, "shy-coap")
    taken = telemetry_at(clients, replay_until_enabled(clients, letter.offset).offset)
    assert taken.device_id == "shy-coap"
    assert taken.protocol == letter.protocol
    assert value_of(taken.readings[0]) == 7


def test_what_will_never_come_in_says_why(box, clients):
    number = b'{"a": "' + b"x" * 65_536 + b'"}'
    assert mosquitto_pub(box, "devices/vast/telemetry", number, "-q", "1").returncode == 0
    assert mosquitto_pub(box, "devices/broken/telemetry", "{", "-q", "1").returncode == 0
    vast = wait_for(lambda: letters_of(clients, "vast"), "a dead letter")[0]
    broken = wait_for(lambda: letters_of(clients, "broken"), "a dead letter")[0]
    results = replay(clients, vast.offset, broken.offset, 10_000_000, vast.offset)
    assert [r.code for r in results] == [9, 3, 5, 9]
    assert "were kept" in results[0].message
    assert results[1].message == broken.detail
    assert sluicectl(box, "deadletters", "replay", str(broken.offset), check=False).returncode == 1
    shown = sluicectl(box, "deadletters", "show", str(broken.offset)).stdout
    assert "MALFORMED" in shown and "devices/broken/telemetry" in shown
    assert len(letters_of(clients, "broken")) == 1


def test_filters(box, clients):
    assert mosquitto_pub(box, "devices/filtered/telemetry", "{", "-q", "1").returncode == 0
    letter = wait_for(lambda: letters_of(clients, "filtered"), "a dead letter")[0]

    def found(**filters):
        request = pb.ListDeadLettersRequest(page_size=1000, filter=pb.DeadLetterFilter(device_ids=["filtered"], **filters))
        return [d.offset for d in clients.telemetry.ListDeadLetters(request, timeout=10).dead_letters]
    assert found(reasons=[pb.DEAD_LETTER_REASON_MALFORMED]) == [letter.offset]
    assert not found(reasons=[pb.DEAD_LETTER_REASON_TOO_LARGE])
    assert found(received_from=letter.received_time) == [letter.offset]
    assert not found(received_before=letter.received_time)
    rows = sluicectl_json(box, "deadletters", "list", "--device", "filtered", "--reason", "malformed")
    assert [int(row["offset"]) for row in rows] == [letter.offset]


def test_purge_goes_up_to_a_place_and_survives_kill_9(box, clients):
    for device in ("gone", "kept"):
        assert mosquitto_pub(box, f"devices/{device}/telemetry", "{", "-q", "1").returncode == 0
        wait_for(lambda device=device: letters_of(clients, device), "a dead letter")
    kept = letters_of(clients, "kept")[0].offset
    below = len([d for d in dead_letters(clients) if d.offset < kept])
    assert sluicectl(box, "deadletters", "purge", check=False).returncode == 2
    dry = sluicectl(box, "deadletters", "purge", "--before", str(kept), "--dry-run").stdout
    assert dry == f"would purge {below} dead letters\n"
    assert letters_of(clients, "gone")
    assert int(sluicectl_json(box, "deadletters", "purge", "--before", str(kept))[0]["purged_count"]) == below
    assert dead_letters(clients)[0].offset == kept
    box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
    box.start_one("ingress")
    wait_for(lambda: answers(clients), "ingress")
    assert dead_letters(clients)[0].offset == kept
    assert sluicectl(box, "deadletters", "show", str(kept - 1), check=False).returncode == 1
    assert sluicectl(box, "deadletters", "purge", "--before", "2000-01-01T00:00:00Z").stdout == "purged 0 dead letters\n"
    sluicectl(box, "deadletters", "purge", "--all")
    assert not dead_letters(clients)


BAD_REQUESTS = {
    "replay-nothing": ("ReplayDeadLetters", {}, grpc.StatusCode.INVALID_ARGUMENT),
    "replay-both": ("ReplayDeadLetters", {"offsets": [1], "filter": {}}, grpc.StatusCode.INVALID_ARGUMENT),
    "replay-many": ("ReplayDeadLetters", {"offsets": range(1001)}, grpc.StatusCode.INVALID_ARGUMENT),
    "replay-page": ("ReplayDeadLetters", {"filter": {}, "page_size": 1001}, grpc.StatusCode.INVALID_ARGUMENT),
    "replay-token": ("ReplayDeadLetters", {"filter": {}, "page_token": "x"}, grpc.StatusCode.INVALID_ARGUMENT),
    "replay-reason": ("ReplayDeadLetters", {"filter": {"reasons": [0]}}, grpc.StatusCode.INVALID_ARGUMENT),
    "list-reason": ("ListDeadLetters", {"filter": {"reasons": [99]}}, grpc.StatusCode.INVALID_ARGUMENT),
    "list-time": ("ListDeadLetters", {"filter": {"received_from": {"nanos": -1}}}, grpc.StatusCode.INVALID_ARGUMENT),
    "get-negative": ("GetDeadLetter", {"offset": -1}, grpc.StatusCode.NOT_FOUND),
    "get-beyond": ("GetDeadLetter", {"offset": 2**62}, grpc.StatusCode.NOT_FOUND),
    "purge-nothing": ("PurgeDeadLetters", {}, grpc.StatusCode.INVALID_ARGUMENT),
    "purge-negative": ("PurgeDeadLetters", {"before_offset": -1}, grpc.StatusCode.INVALID_ARGUMENT),
    "purge-beyond": ("PurgeDeadLetters", {"before_offset": 2**62}, grpc.StatusCode.OUT_OF_RANGE),
    "purge-time": ("PurgeDeadLetters", {"before_time": {"seconds": -1}}, grpc.StatusCode.INVALID_ARGUMENT),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_requests_that_may_not_be(clients, name):
    method, fields, code = BAD_REQUESTS[name]
    request = getattr(pb, {"GetDeadLetter": "GetDeadLetterRequest"}.get(method, method + "Request"))(**fields)
    with pytest.raises(grpc.RpcError) as caught:
        getattr(clients.telemetry, method)(request, timeout=10)
    assert caught.value.code() == code, caught.value.details()
    assert caught.value.details()
