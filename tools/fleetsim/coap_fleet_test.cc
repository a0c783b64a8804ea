#include "tools/fleetsim/coap_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "tools/fleetsim/testing/child_process.h"

namespace sluice::fleetsim {
namespace {

constexpr int64_t kFirstTag = 1000;

// A UDP socket that answers each datagram with what a function says, when it is asked to.
class UdpServer {
 public:
  using Answers = std::function<std::vector<std::string>(const CoapMessage&)>;

  UdpServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address = Address(0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~UdpServer() { close(fd_); }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  const std::set<std::string>& sources() const { return sources_; }

  void Serve(const Answers& answers) {
    char buffer[2048];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    ssize_t bytes;
    while ((bytes = recvfrom(fd_, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from),
                             &size)) >= 0) {
      sources_.insert(absl::StrCat(from.sin_addr.s_addr, ":", from.sin_port));
      const auto message = ParseCoap(absl::string_view(buffer, static_cast<size_t>(bytes)));
      ASSERT_TRUE(message.ok()) << message.status();
      for (const std::string& answer : answers(*message)) {
        sendto(fd_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
  }

 private:
  static sockaddr_in Address(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }

  const int fd_;
  int port_ = 0;
  std::set<std::string> sources_;
};

std::string Answer(CoapType type, int code, const CoapMessage& request, uint16_t message_id) {
  std::string out;
  const size_t token = code == 0 ? 0 : request.token.size();
  out.push_back(static_cast<char>(0x40 | (static_cast<int>(type) << 4) | static_cast<int>(token)));
  out.push_back(static_cast<char>(code));
  out.push_back(static_cast<char>(message_id >> 8));
  out.push_back(static_cast<char>(message_id & 0xff));
  out.append(request.token.data(), token);
  return out;
}
std::string Changed(const CoapMessage& request) {
  return Answer(CoapType::kAck, kCoapChanged, request, request.message_id);
}

class CoapFleetTest : public ::testing::Test {
 protected:
  void Open(int devices, const std::string& address) {
    WorkloadOptions workload;
    workload.first_tag = kFirstTag;
    workload.max_messages = max_messages_;
    workload_ = std::make_unique<Workload>(workload, &tally_, nullptr);
    options_.gateway = ResolveAddress(address).value();
    std::vector<std::string> ids;
    for (int i = 0; i < devices; ++i) ids.push_back(absl::StrCat("d", i));
    fleet_ = std::make_unique<CoapFleet>(options_, ids, loop_.get(), &clock_, workload_.get());
    ASSERT_TRUE(fleet_->Open().ok());
    workload_->Open(clock_.NowUs());
  }

  bool RunUntil(const UdpServer::Answers& answers, const std::function<bool()>& condition) {
    const int64_t deadline_us = clock_.NowUs() + 30'000'000;
    while (!condition()) {
      if (clock_.NowUs() > deadline_us) return false;
      loop_->Poll(2);
      fleet_->Tick(clock_.NowUs());
      server_.Serve(answers);
    }
    return true;
  }
  ProtocolTotals Totals() const { return tally_.Snapshot().protocols[1]; }

  SystemClock system_clock_;
  FleetClock clock_{&system_clock_};
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  Tally tally_{kFirstTag};
  UdpServer server_;
  int64_t max_messages_ = 0;
  CoapFleetOptions options_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<CoapFleet> fleet_;
};

TEST_F(CoapFleetTest, EveryDeviceHasAPortOfItsOwnAndEveryAnswerIsMatched) {
  options_.greedy = true;
  options_.endpoint.inflight = 4;
  max_messages_ = 5000;
  Open(50, server_.address());
  fleet_->SendAll(clock_.NowUs());
  ASSERT_TRUE(RunUntil([](const CoapMessage& m) { return std::vector{Changed(m)}; },
                       [this] { return Totals().acknowledged == 5000; }));
  EXPECT_EQ(server_.sources().size(), 50u);
  EXPECT_EQ(fleet_->unacknowledged(), 0);
  EXPECT_EQ(tally_.progress().errors, 0);
}

TEST_F(CoapFleetTest, DevicesCanHaveAddressesOfTheirOwn) {
  options_.spread_sources = true;
  Open(10, server_.address());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(fleet_->TrySend(i, clock_.NowUs()));
  std::set<std::string> addresses;
  ASSERT_TRUE(RunUntil([](const CoapMessage& m) { return std::vector{Changed(m)}; },
                       [this] { return Totals().acknowledged == 10; }));
  for (const std::string& source : server_.sources()) {
    addresses.insert(source.substr(0, source.find(':')));
  }
  EXPECT_EQ(addresses.size(), 10u);
}

TEST_F(CoapFleetTest, LostDatagramsAreSentAgain) {
  options_.endpoint.ack_timeout_us = 50'000;
  Open(5, server_.address());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(fleet_->TrySend(i, clock_.NowUs()));
  std::set<std::string> seen;
  // The first copy of each is dropped, the second answered twice.
  const auto answers = [&](const CoapMessage& m) {
    if (seen.insert(std::string(m.token)).second) return std::vector<std::string>{};
    return std::vector{Changed(m), Changed(m)};
  };
  ASSERT_TRUE(RunUntil(answers, [this] { return Totals().acknowledged == 5; }));
  EXPECT_GE(fleet_->retransmissions(), 5);
  EXPECT_EQ(Totals().sent, 5);
}

TEST_F(CoapFleetTest, SeparateAnswersAndRefusalsAreUnderstood) {
  Open(2, server_.address());
  ASSERT_TRUE(fleet_->TrySend(0, clock_.NowUs()));
  const auto separate = [](const CoapMessage& m) {
    if (m.code != kCoapPost) return std::vector<std::string>{};
    return std::vector{Answer(CoapType::kAck, 0, m, m.message_id),
                       Answer(CoapType::kConfirmable, kCoapChanged, m, 4711)};
  };
  ASSERT_TRUE(RunUntil(separate, [this] { return Totals().acknowledged == 1; }));
  ASSERT_TRUE(fleet_->TrySend(1, clock_.NowUs()));
  const auto refuse = [](const CoapMessage& m) {
    return std::vector{Answer(CoapType::kAck, 0x84, m, m.message_id)};
  };
  ASSERT_TRUE(RunUntil(refuse, [this] { return Totals().refused == 1; }));
  EXPECT_EQ(tally_.Snapshot().errors.at("coap 4.04"), 1);
}

TEST_F(CoapFleetTest, AGatewayThatIsNotThereHarmsNothing) {
  options_.endpoint.ack_timeout_us = 20'000;
  options_.endpoint.max_retransmit = 2;
  Open(1, absl::StrCat("127.0.0.1:", FreePort()));
  ASSERT_TRUE(fleet_->TrySend(0, clock_.NowUs()));
  const auto silent = [](const CoapMessage&) { return std::vector<std::string>{}; };
  ASSERT_TRUE(RunUntil(silent, [this] { return Totals().refused == 1; }));
  EXPECT_EQ(tally_.Snapshot().errors.at("coap no answer"), 1);
  EXPECT_TRUE(fleet_->TrySend(0, clock_.NowUs()));
}

TEST_F(CoapFleetTest, AnotherImplementationUnderstandsIt) {
  const int port = FreePort();
  ChildProcess other(
      {"/usr/bin/coap-server-openssl", "-A", "127.0.0.1", "-p", std::to_string(port), "-v", "3"});
  options_.endpoint.ack_timeout_us = 200'000;
  options_.endpoint.max_retransmit = 7;
  Open(1, absl::StrCat("127.0.0.1:", port));
  ASSERT_TRUE(fleet_->TrySend(0, clock_.NowUs()));
  const auto silent = [](const CoapMessage&) { return std::vector<std::string>{}; };
  ASSERT_TRUE(RunUntil(silent, [this] { return Totals().refused + Totals().acknowledged == 1; }));
  // It has no such resource, and says so in an answer to this very request.
  const auto errors = tally_.Snapshot().errors;
  EXPECT_TRUE(errors.count("coap 4.04") == 1 || errors.count("coap 4.05") == 1);
}

}  // namespace
}  // namespace sluice::fleetsim
