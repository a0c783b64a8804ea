#ifndef SLUICE_SERVICES_INGRESS_COAP_COAP_SERVER_FIXTURE_H_
#define SLUICE_SERVICES_INGRESS_COAP_COAP_SERVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_server.h"
#include "services/ingress/coap/fake_intake.h"
#include "services/ingress/coap/raw_client.h"

namespace sluice::ingress {

// Option numbers.
inline constexpr int kContentFormat = 12, kMaxAge = 14, kBlock1 = 27, kSize1 = 60;
inline constexpr char kTelemetry[] = "devices/pump-7/telemetry";

// A server whose disk the test drives, and a client.
class CoapServerTest : public testing::Test {
 protected:
  void Start(CoapOptions options = CoapOptions()) {
    options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<CoapServer>> server =
        CoapServer::Create(options, &intake_, &clock_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = std::make_unique<RawClient>(server_->endpoint());
  }

  // Else the server's end would wait for what a test left pending.
  void TearDown() override { intake_.SyncAlways(); }

  // Whether the server has worked off what was sent before: it answers one more request by
  // `client`.
  bool IsAlive(RawClient* client) {
    RawMessage ping = Post(60000, ".well-known/core", "");
    ping.code = 1;
    client->Send(ping);
    for (;;) {
      const absl::optional<RawMessage> answer = client->Receive();
      if (!answer) return false;
      if (answer->message_id == 60000) return answer->code == 205;
    }
  }

  // The statistics, once they are as wanted or 10 s have passed.
  CoapStats StatsWhen(const std::function<bool(const CoapStats&)>& wanted) {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    for (;;) {
      const CoapStats stats = server_->stats();
      if (wanted(stats) || absl::Now() > deadline) return stats;
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  SystemClock clock_;
  FakeIntake intake_;
  std::unique_ptr<CoapServer> server_;
  std::unique_ptr<RawClient> client_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_COAP_SERVER_FIXTURE_H_
