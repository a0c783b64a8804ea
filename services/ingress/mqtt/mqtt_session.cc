#include "services/ingress/mqtt/mqtt_session.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/ingress/mqtt/mqtt_link.h"

namespace sluice::ingress {
namespace {

absl::Status CheckOptions(const MqttSession::Options& options) {
  const auto wrong = [](absl::string_view what) { return absl::InvalidArgumentError(what); };
  if (BrokerPort(options.broker) == 0) {
    return wrong(absl::StrCat("broker: '", options.broker, "' is not of the form tcp://HOST:PORT"));
  }
  if (options.client_id.empty()) return wrong("client_id: must not be empty");
  if (options.protocol_version != 5 && options.protocol_version != 3) {
    return wrong("protocol_version: must be 5 or 3");
  }
  if (options.keep_alive < absl::Seconds(1) || options.keep_alive > absl::Hours(18)) {
    return wrong("keep_alive: must be 1 s to 18 h");
  }
  if (options.connect_timeout < absl::Seconds(1)) {
    return wrong("connect_timeout: must be at least 1 s");
  }
  if (options.max_in_flight < 1 || options.max_in_flight > 1000) {
    return wrong("max_in_flight: must be 1 to 1000");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MqttSession>> MqttSession::Create(Options options) {
  const absl::Status status = CheckOptions(options);
  if (!status.ok()) return status;
  try {
    return std::unique_ptr<MqttSession>(
        new MqttSession(std::make_unique<Link>(std::move(options))));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

MqttSession::MqttSession(std::unique_ptr<Link> link) : link_(std::move(link)) {}
MqttSession::~MqttSession() { Stop(); }

void MqttSession::Start(std::function<Wishes()> wishes, Handler handler) {
  link_->Start(std::move(wishes), std::move(handler));
}

void MqttSession::Start(std::vector<Subscription> subscriptions, Handler handler) {
  Start([wishes = Wishes{std::move(subscriptions), {}}] { return wishes; }, std::move(handler));
}

void MqttSession::Stop() { link_->Stop(); }

absl::Status MqttSession::Publish(Publication publication, std::function<void(absl::Status)> done) {
  return link_->Publish(std::move(publication), std::move(done));
}

bool MqttSession::AwaitConnected(absl::Duration timeout) const {
  return link_->AwaitConnected(timeout);
}

MqttSession::Stats MqttSession::stats() const { return link_->stats(); }

}  // namespace sluice::ingress
