#ifndef SLUICE_TOOLS_SLUICECTL_TESTING_FAKE_GATEWAY_H_
#define SLUICE_TOOLS_SLUICECTL_TESTING_FAKE_GATEWAY_H_

#include <grpcpp/server.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/command_service.grpc.pb.h"
#include "sluice/v1/registry_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

// Services that behave like Sluice's own as far as sluicectl can tell, in memory. Thread-safe.
namespace sluice::sluicectl {

class FakeRegistry final : public v1::RegistryService::Service {
 public:
  void Put(const v1::Device& device);
  // As it is now; an empty device if there is none.
  v1::Device Find(const std::string& id) const;
  v1::UpdateDeviceRequest last_update() const;

  grpc::Status CreateDevice(grpc::ServerContext*, const v1::CreateDeviceRequest*,
                            v1::Device*) override;
  grpc::Status BatchCreateDevices(grpc::ServerContext*, const v1::BatchCreateDevicesRequest*,
                                  v1::BatchCreateDevicesResponse*) override;
  grpc::Status GetDevice(grpc::ServerContext*, const v1::GetDeviceRequest*, v1::Device*) override;
  grpc::Status ListDevices(grpc::ServerContext*, const v1::ListDevicesRequest*,
                           v1::ListDevicesResponse*) override;
  grpc::Status UpdateDevice(grpc::ServerContext*, const v1::UpdateDeviceRequest*,
                            v1::Device*) override;
  grpc::Status DeleteDevice(grpc::ServerContext*, const v1::DeleteDeviceRequest*,
                            google::protobuf::Empty*) override;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, v1::Device> devices_ ABSL_GUARDED_BY(mutex_);
  v1::UpdateDeviceRequest last_update_ ABSL_GUARDED_BY(mutex_);
};

// The device answers at once as the command's name says: `fail`, `hang`; anything else succeeds.
class FakeCommands final : public v1::CommandService::Service {
 public:
  v1::SendCommandRequest last() const;

  grpc::Status SendCommand(grpc::ServerContext*, const v1::SendCommandRequest*,
                           v1::Command*) override;
  grpc::Status GetCommand(grpc::ServerContext*, const v1::GetCommandRequest*,
                          v1::Command*) override;

 private:
  mutable absl::Mutex mutex_;
  v1::SendCommandRequest last_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Command> commands_ ABSL_GUARDED_BY(mutex_);
};

// A journal in memory that outlives the server it is served by.
class FakeTelemetry final : public v1::TelemetryService::Service {
 public:
  // Appends a message as it comes by the broker's plugin from client-DEVICE_ID, and streams it.
  void Append(const std::string& device_id, double temperature);
  // Ends every stream, now and later, with UNAVAILABLE, or takes that back.
  void SetStopping(bool stopping);
  // Another, empty journal in place of this one.
  void Wipe(const std::string& journal_id);
  void PutDeadLetter(const v1::DeadLetter& letter);
  void PutUnknownTopic(const v1::UnknownTopic& topic);

  std::vector<v1::AcknowledgeRequest> acknowledged() const;
  // The last requests about dead letters.
  v1::DeadLetterFilter last_filter() const;
  v1::PurgeDeadLettersRequest last_purge() const;
  v1::Telemetry last() const;
  // How many streams were opened.
  int streams() const;

  grpc::Status PublishTelemetry(grpc::ServerContext*, const v1::PublishTelemetryRequest*,
                                v1::PublishTelemetryResponse*) override;
  grpc::Status SubscribeTelemetry(grpc::ServerContext*, const v1::SubscribeTelemetryRequest*,
                                  grpc::ServerWriter<v1::SubscribeTelemetryResponse>*) override;
  grpc::Status AcknowledgeTelemetry(grpc::ServerContext*, const v1::AcknowledgeRequest*,
                                    v1::AcknowledgeResponse*) override;
  grpc::Status CreateSubscription(grpc::ServerContext*, const v1::CreateSubscriptionRequest*,
                                  v1::Subscription*) override;
  grpc::Status ListSubscriptions(grpc::ServerContext*, const v1::ListSubscriptionsRequest*,
                                 v1::ListSubscriptionsResponse*) override;
  grpc::Status SeekSubscription(grpc::ServerContext*, const v1::SeekSubscriptionRequest*,
                                v1::Subscription*) override;
  grpc::Status DeleteSubscription(grpc::ServerContext*, const v1::DeleteSubscriptionRequest*,
                                  google::protobuf::Empty*) override;
  grpc::Status ListDeadLetters(grpc::ServerContext*, const v1::ListDeadLettersRequest*,
                               v1::ListDeadLettersResponse*) override;
  grpc::Status GetDeadLetter(grpc::ServerContext*, const v1::GetDeadLetterRequest*,
                             v1::DeadLetter*) override;
  // A letter of reason MALFORMED is refused again; one of device `full` cannot be written now.
  grpc::Status ReplayDeadLetters(grpc::ServerContext*, const v1::ReplayDeadLettersRequest*,
                                 v1::ReplayDeadLettersResponse*) override;
  grpc::Status PurgeDeadLetters(grpc::ServerContext*, const v1::PurgeDeadLettersRequest*,
                                v1::PurgeDeadLettersResponse*) override;
  grpc::Status ListUnknownTopics(grpc::ServerContext*, const v1::ListUnknownTopicsRequest*,
                                 v1::ListUnknownTopicsResponse*) override;

 private:
  mutable absl::Mutex mutex_;
  std::string journal_id_ ABSL_GUARDED_BY(mutex_) = "journal-1";
  std::vector<v1::Telemetry> log_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Subscription> subscriptions_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::AcknowledgeRequest> acknowledged_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::DeadLetter> dead_letters_ ABSL_GUARDED_BY(mutex_);
  v1::DeadLetterFilter last_filter_ ABSL_GUARDED_BY(mutex_);
  v1::PurgeDeadLettersRequest last_purge_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::UnknownTopic> unknown_topics_ ABSL_GUARDED_BY(mutex_);
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

// One series and one insight.
class FakeAnalytics final : public v1::AnalyticsService::Service {
 public:
  grpc::Status ListSeries(grpc::ServerContext*, const v1::ListSeriesRequest*,
                          v1::ListSeriesResponse*) override;
  grpc::Status GetSeries(grpc::ServerContext*, const v1::GetSeriesRequest*, v1::Series*) override;
  grpc::Status SubscribeInsights(grpc::ServerContext*, const v1::SubscribeInsightsRequest*,
                                 grpc::ServerWriter<v1::SubscribeInsightsResponse>*) override;
  grpc::Status ListSubscriptions(grpc::ServerContext*, const v1::ListSubscriptionsRequest*,
                                 v1::ListSubscriptionsResponse*) override;
};

// A server of some of these services, with grpc.health.v1.
class FakeServer {
 public:
  // `port` 0: a free one.
  explicit FakeServer(const std::vector<grpc::Service*>& services, int port = 0);
  // Cancels what is under way.
  ~FakeServer();

  int port() const { return port_; }
  std::string address() const;
  // What grpc.health.v1 says of all services.
  void SetServing(bool serving);

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TESTING_FAKE_GATEWAY_H_
