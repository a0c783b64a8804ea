#include "tools/sluicectl/testing/fake_gateway.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/field_violation.h"

namespace sluice::sluicectl {
namespace {

grpc::Status NoDevice(const std::string& id) {
  return grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("no device '", id, "'"));
}

std::string NameOf(grpc::Service* service) {
  if (dynamic_cast<FakeRegistry*>(service) != nullptr) {
    return v1::RegistryService::service_full_name();
  }
  if (dynamic_cast<FakeCommands*>(service) != nullptr) {
    return v1::CommandService::service_full_name();
  }
  if (dynamic_cast<FakeTelemetry*>(service) != nullptr) {
    return v1::TelemetryService::service_full_name();
  }
  return v1::AnalyticsService::service_full_name();
}

// Waits for `condition`, but looks up now and then whether the client is still there.
template <typename Condition>
bool AwaitUnlessCancelled(absl::Mutex* mutex, grpc::ServerContext* context,
                          const Condition& condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
  while (!mutex->AwaitWithTimeout(absl::Condition(&condition), absl::Milliseconds(50))) {
    if (context->IsCancelled()) return false;
  }
  return true;
}

}  // namespace

void FakeRegistry::Put(const v1::Device& device) {
  absl::MutexLock lock(&mutex_);
  devices_[device.id()] = device;
}

v1::Device FakeRegistry::Find(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = devices_.find(id);
  return found == devices_.end() ? v1::Device() : found->second;
}

v1::UpdateDeviceRequest FakeRegistry::last_update() const {
  absl::MutexLock lock(&mutex_);
  return last_update_;
}

grpc::Status FakeRegistry::CreateDevice(grpc::ServerContext*,
                                        const v1::CreateDeviceRequest* request,
                                        v1::Device* response) {
  absl::MutexLock lock(&mutex_);
  const v1::Device& device = request->device();
  if (device.id().find('/') != std::string::npos) {
    return rpc::ToGrpc(InvalidField("device.id", "holds a '/'"));
  }
  if (!devices_.insert({device.id(), device}).second) {
    return grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "the id is taken");
  }
  *response = device;
  return grpc::Status::OK;
}

grpc::Status FakeRegistry::BatchCreateDevices(grpc::ServerContext* context,
                                              const v1::BatchCreateDevicesRequest* request,
                                              v1::BatchCreateDevicesResponse* response) {
  for (const v1::Device& device : request->devices()) {
    v1::CreateDeviceRequest create;
    *create.mutable_device() = device;
    v1::Device created;
    const grpc::Status status = CreateDevice(context, &create, &created);
    v1::BatchCreateDevicesResult* result = response->add_results();
    result->set_code(status.error_code());
    result->set_message(status.error_message());
    if (status.ok()) *result->mutable_device() = created;
  }
  return grpc::Status::OK;
}

grpc::Status FakeRegistry::GetDevice(grpc::ServerContext*, const v1::GetDeviceRequest* request,
                                     v1::Device* response) {
  *response = Find(request->device_id());
  return response->id().empty() ? NoDevice(request->device_id()) : grpc::Status::OK;
}

grpc::Status FakeRegistry::ListDevices(grpc::ServerContext*, const v1::ListDevicesRequest* request,
                                       v1::ListDevicesResponse* response) {
  absl::MutexLock lock(&mutex_);
  const int page_size = request->page_size() == 0 ? 100 : request->page_size();
  for (auto it = devices_.upper_bound(request->page_token()); it != devices_.end(); ++it) {
    if (response->devices_size() == page_size) {
      response->set_next_page_token(response->devices().rbegin()->id());
      break;
    }
    *response->add_devices() = it->second;
  }
  return grpc::Status::OK;
}

grpc::Status FakeRegistry::UpdateDevice(grpc::ServerContext*,
                                        const v1::UpdateDeviceRequest* request,
                                        v1::Device* response) {
  absl::MutexLock lock(&mutex_);
  last_update_ = *request;
  *response = request->device();
  return grpc::Status::OK;
}

grpc::Status FakeRegistry::DeleteDevice(grpc::ServerContext*,
                                        const v1::DeleteDeviceRequest* request,
                                        google::protobuf::Empty*) {
  absl::MutexLock lock(&mutex_);
  if (devices_.erase(request->device_id()) == 0) return NoDevice(request->device_id());
  return grpc::Status::OK;
}

v1::SendCommandRequest FakeCommands::last() const {
  absl::MutexLock lock(&mutex_);
  return last_;
}

grpc::Status FakeCommands::SendCommand(grpc::ServerContext*, const v1::SendCommandRequest* request,
                                       v1::Command* response) {
  absl::MutexLock lock(&mutex_);
  last_ = *request;
  response->set_id(absl::StrCat("c-", commands_.size() + 1));
  response->set_device_id(request->device_id());
  response->set_name(request->name());
  response->set_state(v1::COMMAND_STATE_SUCCEEDED);
  response->mutable_result()->set_string_value("done");
  if (request->name() == "hang") response->set_state(v1::COMMAND_STATE_SENT);
  if (request->name() == "fail") {
    response->set_state(v1::COMMAND_STATE_FAILED);
    response->set_error_message("stuck\x1b[2J");
  }
  commands_[response->id()] = *response;
  return grpc::Status::OK;
}

grpc::Status FakeCommands::GetCommand(grpc::ServerContext*, const v1::GetCommandRequest* request,
                                      v1::Command* response) {
  absl::MutexLock lock(&mutex_);
  const auto found = commands_.find(request->command_id());
  if (found == commands_.end()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no command");
  *response = found->second;
  return grpc::Status::OK;
}

void FakeTelemetry::Append(const std::string& device_id, double temperature) {
  absl::MutexLock lock(&mutex_);
  v1::Telemetry telemetry;
  telemetry.set_offset(static_cast<int64_t>(log_.size()));
  telemetry.set_device_id(device_id);
  telemetry.set_protocol(v1::PROTOCOL_MQTT);
  telemetry.mutable_received_time()->set_seconds(1'700'000'000);
  v1::Reading* reading = telemetry.add_readings();
  reading->set_metric("temperature");
  reading->set_double_value(temperature);
  reading->set_unit("Cel");
  telemetry.mutable_sender()->set_client_id(absl::StrCat("client-", device_id));
  telemetry.mutable_sender()->set_username("fleet");
  telemetry.mutable_ring_position()->set_ring_id(7);
  telemetry.mutable_ring_position()->set_end(log_.size() + 1);
  log_.push_back(telemetry);
}

void FakeTelemetry::SetStopping(bool stopping) {
  absl::MutexLock lock(&mutex_);
  stopping_ = stopping;
}

void FakeTelemetry::Wipe(const std::string& journal_id) {
  absl::MutexLock lock(&mutex_);
  journal_id_ = journal_id;
  log_.clear();
}

void FakeTelemetry::PutDeadLetter(const v1::DeadLetter& letter) {
  absl::MutexLock lock(&mutex_);
  dead_letters_.push_back(letter);
}

void FakeTelemetry::PutUnknownTopic(const v1::UnknownTopic& topic) {
  absl::MutexLock lock(&mutex_);
  unknown_topics_.push_back(topic);
}

std::vector<v1::AcknowledgeRequest> FakeTelemetry::acknowledged() const {
  absl::MutexLock lock(&mutex_);
  return acknowledged_;
}

v1::Telemetry FakeTelemetry::last() const {
  absl::MutexLock lock(&mutex_);
  return log_.empty() ? v1::Telemetry() : log_.back();
}

int FakeTelemetry::streams() const {
  absl::MutexLock lock(&mutex_);
  return streams_;
}

grpc::Status FakeTelemetry::PublishTelemetry(grpc::ServerContext*,
                                             const v1::PublishTelemetryRequest* request,
                                             v1::PublishTelemetryResponse* response) {
  absl::MutexLock lock(&mutex_);
  for (v1::Telemetry telemetry : request->telemetry()) {
    v1::PublishResult* result = response->add_results();
    if (telemetry.device_id() == "nobody") {
      result->set_code(grpc::StatusCode::NOT_FOUND);
      result->set_message("no device 'nobody'");
      continue;
    }
    telemetry.set_offset(static_cast<int64_t>(log_.size()));
    result->set_offset(telemetry.offset());
    log_.push_back(telemetry);
  }
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::SubscribeTelemetry(
    grpc::ServerContext* context, const v1::SubscribeTelemetryRequest* request,
    grpc::ServerWriter<v1::SubscribeTelemetryResponse>* writer) {
  absl::MutexLock lock(&mutex_);
  ++streams_;
  const v1::Start& start = request->start();
  int64_t next = static_cast<int64_t>(log_.size());
  if (start.has_earliest()) next = 0;
  if (!request->subscription().empty()) next = subscriptions_[request->subscription()].cursor();
  if (start.position_case() == v1::Start::kOffset) {
    if (start.offset() > next)
      return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "beyond the end");
    next = start.offset();
  }
  for (bool first = true;; first = false) {
    v1::SubscribeTelemetryResponse response;
    response.set_journal_id(journal_id_);
    response.set_epoch(request->subscription().empty() ? 0 : 1);
    while (!first && next < static_cast<int64_t>(log_.size())) {
      *response.add_telemetry() = log_[next++];
    }
    response.set_next_offset(next);
    if (!writer->Write(response)) return grpc::Status::CANCELLED;
    const auto more = [this, &next]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return stopping_ || next < static_cast<int64_t>(log_.size());
    };
    if (!AwaitUnlessCancelled(&mutex_, context, more)) return grpc::Status::CANCELLED;
    if (stopping_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  }
}

grpc::Status FakeTelemetry::AcknowledgeTelemetry(grpc::ServerContext*,
                                                 const v1::AcknowledgeRequest* request,
                                                 v1::AcknowledgeResponse* response) {
  absl::MutexLock lock(&mutex_);
  acknowledged_.push_back(*request);
  subscriptions_[request->subscription()].set_cursor(request->offset());
  response->set_cursor(request->offset());
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::CreateSubscription(grpc::ServerContext*,
                                               const v1::CreateSubscriptionRequest* request,
                                               v1::Subscription* response) {
  absl::MutexLock lock(&mutex_);
  *response = request->subscription();
  response->set_lag_records(42);
  subscriptions_[response->name()] = *response;
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::ListSubscriptions(grpc::ServerContext*,
                                              const v1::ListSubscriptionsRequest*,
                                              v1::ListSubscriptionsResponse* response) {
  absl::MutexLock lock(&mutex_);
  for (const auto& entry : subscriptions_) *response->add_subscriptions() = entry.second;
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::SeekSubscription(grpc::ServerContext*,
                                             const v1::SeekSubscriptionRequest* request,
                                             v1::Subscription* response) {
  absl::MutexLock lock(&mutex_);
  const auto found = subscriptions_.find(request->name());
  if (found == subscriptions_.end()) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such subscription");
  }
  found->second.set_cursor(request->start().offset());
  *response = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::DeleteSubscription(grpc::ServerContext*,
                                               const v1::DeleteSubscriptionRequest* request,
                                               google::protobuf::Empty*) {
  absl::MutexLock lock(&mutex_);
  if (subscriptions_.erase(request->name()) > 0) return grpc::Status::OK;
  return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such subscription");
}

v1::DeadLetterFilter FakeTelemetry::last_filter() const {
  absl::MutexLock lock(&mutex_);
  return last_filter_;
}

v1::PurgeDeadLettersRequest FakeTelemetry::last_purge() const {
  absl::MutexLock lock(&mutex_);
  return last_purge_;
}

grpc::Status FakeTelemetry::GetDeadLetter(grpc::ServerContext*,
                                          const v1::GetDeadLetterRequest* request,
                                          v1::DeadLetter* response) {
  absl::MutexLock lock(&mutex_);
  for (const v1::DeadLetter& letter : dead_letters_) {
    if (letter.offset() != request->offset()) continue;
    *response = letter;
    return grpc::Status::OK;
  }
  return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such letter");
}

grpc::Status FakeTelemetry::ReplayDeadLetters(grpc::ServerContext*,
                                              const v1::ReplayDeadLettersRequest* request,
                                              v1::ReplayDeadLettersResponse* response) {
  absl::MutexLock lock(&mutex_);
  last_filter_ = request->filter();
  const auto& offsets = request->offsets();
  const bool first = request->page_token().empty();
  for (size_t i = 0; i < dead_letters_.size(); ++i) {
    const v1::DeadLetter& letter = dead_letters_[i];
    // With a filter: one letter, then the others.
    if (request->has_filter() && (i == 0) != first) continue;
    if (!request->has_filter() &&
        std::find(offsets.begin(), offsets.end(), letter.offset()) == offsets.end()) {
      continue;
    }
    v1::ReplayResult* const result = response->add_results();
    result->set_dead_letter_offset(letter.offset());
    if (letter.device_id() == "full") {
      result->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
      result->set_message("no space");
      break;
    }
    if (letter.reason() == v1::DEAD_LETTER_REASON_MALFORMED) {
      result->set_code(grpc::StatusCode::INVALID_ARGUMENT);
      result->set_message("byte 3: not JSON");
    } else {
      result->set_offset(100 + letter.offset());
    }
  }
  if (request->has_filter() && first) response->set_next_page_token("more");
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::PurgeDeadLetters(grpc::ServerContext*,
                                             const v1::PurgeDeadLettersRequest* request,
                                             v1::PurgeDeadLettersResponse* response) {
  absl::MutexLock lock(&mutex_);
  last_purge_ = *request;
  response->set_purged_count(static_cast<int64_t>(dead_letters_.size()));
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::ListDeadLetters(grpc::ServerContext*,
                                            const v1::ListDeadLettersRequest* request,
                                            v1::ListDeadLettersResponse* response) {
  absl::MutexLock lock(&mutex_);
  last_filter_ = request->filter();
  for (const v1::DeadLetter& letter : dead_letters_) *response->add_dead_letters() = letter;
  return grpc::Status::OK;
}

grpc::Status FakeTelemetry::ListUnknownTopics(grpc::ServerContext*,
                                              const v1::ListUnknownTopicsRequest*,
                                              v1::ListUnknownTopicsResponse* response) {
  absl::MutexLock lock(&mutex_);
  for (const v1::UnknownTopic& topic : unknown_topics_) *response->add_unknown_topics() = topic;
  return grpc::Status::OK;
}

grpc::Status FakeAnalytics::ListSeries(grpc::ServerContext* context, const v1::ListSeriesRequest*,
                                       v1::ListSeriesResponse* response) {
  v1::GetSeriesRequest request;
  request.set_device_id("thermo-1");
  request.set_metric("temperature");
  return GetSeries(context, &request, response->add_series());
}

grpc::Status FakeAnalytics::GetSeries(grpc::ServerContext*, const v1::GetSeriesRequest* request,
                                      v1::Series* response) {
  if (request->device_id() != "thermo-1") return NoDevice(request->device_id());
  response->set_device_id("thermo-1");
  response->set_metric(request->metric());
  response->set_unit("Cel");
  response->set_sample_count(123);
  response->set_last_value(21.5);
  response->set_last_z_score(std::numeric_limits<double>::infinity());
  response->mutable_window()->set_mean(1.0 / 3);
  return grpc::Status::OK;
}

grpc::Status FakeAnalytics::SubscribeInsights(
    grpc::ServerContext*, const v1::SubscribeInsightsRequest*,
    grpc::ServerWriter<v1::SubscribeInsightsResponse>* writer) {
  v1::SubscribeInsightsResponse response;
  response.set_journal_id("insights-1");
  for (const char* metric : {"humidity", "temperature"}) {
    v1::Insight* insight = response.add_insights();
    insight->set_offset(response.insights_size() - 1);
    insight->set_device_id("thermo-1");
    insight->set_metric(metric);
    insight->mutable_anomaly()->set_value(99.5);
    insight->mutable_anomaly()->set_z_score(-std::numeric_limits<double>::infinity());
  }
  response.set_next_offset(2);
  writer->Write(response);
  return grpc::Status(grpc::StatusCode::ABORTED, "a newer stream is open");
}

grpc::Status FakeAnalytics::ListSubscriptions(grpc::ServerContext*,
                                              const v1::ListSubscriptionsRequest*,
                                              v1::ListSubscriptionsResponse* response) {
  response->add_subscriptions()->set_name("alarms");
  return grpc::Status::OK;
}

FakeServer::FakeServer(const std::vector<grpc::Service*>& services, int port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                           &port_);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  auto* health = server_->GetHealthCheckService();
  for (grpc::Service* service : services) health->SetServingStatus(NameOf(service), true);
}

FakeServer::~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

std::string FakeServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

void FakeServer::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

}  // namespace sluice::sluicectl
