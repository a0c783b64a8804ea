#ifndef SLUICE_SERVICES_INGRESS_COAP_REQUEST_PROGRAM_H_
#define SLUICE_SERVICES_INGRESS_COAP_REQUEST_PROGRAM_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "libs/clock/fake_clock.h"
#include "services/ingress/coap/fake_intake.h"
#include "services/ingress/coap/request_handler.h"
#include "tools/fuzz/fuzz_input.h"

namespace sluice::ingress {

// A fuzzer's input as requests of a few peers, new ones and old ones sent again, with a disk that
// is slow. Ends the process if a message has two effects, if an answer is not what it was, or if a
// payload that comes in blocks is not what was sent.
class RequestProgram {
 public:
  explicit RequestProgram(FuzzInput input) : input_(input) {}
  void Run();

 private:
  // A request that owns what it says.
  struct Sent {
    uint16_t port = 0;
    uint16_t message_id = 0;
    bool confirmable = false;
    CoapMethod method = CoapMethod::kPost;
    std::vector<std::string> path;
    std::vector<std::string> query;
    absl::optional<uint16_t> content_format;
    absl::optional<CoapBlock> block1;
    absl::optional<CoapBlock> block2;
    absl::optional<uint32_t> size1;
    std::string request_tags;
    uint16_t condition_option = 0;
    std::string payload;

    CoapRequest View() const;
    // All that it says.
    std::string Text() const;
  };
  // What is remembered of a message.
  struct Seen {
    bool pending = false;
    bool acknowledged = false;
    CoapAnswer answer;
  };
  // What the blocks of one payload have in common.
  using TransferId = std::tuple<uint16_t, std::vector<std::string>, std::vector<std::string>,
                                absl::optional<uint16_t>, std::string>;

  Sent NewRequest();
  void Send(const Sent& sent);
  void SyncAndAnswer();
  void CheckAgain(const Sent& sent, const Seen& seen, const CoapRequestHandler::Outcome& outcome);
  void CheckTaken(const Sent& sent, const FakeIntake::Taken& taken);
  void CheckAnswer(const Sent& sent, const CoapAnswer& answer);

  static CoapRequestHandler::Options Options();

  FuzzInput input_;
  FakeClock clock_;
  FakeIntake intake_;
  CoapRequestHandler handler_{Options(), &intake_, &clock_};
  std::deque<Sent> sent_;
  std::map<std::string, Seen> seen_;  // by Text()
  std::vector<std::pair<Sent, CoapAnswer>> pending_;
  std::map<TransferId, std::string> bodies_;  // what was accepted so far
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_REQUEST_PROGRAM_H_
