#ifndef SLUICE_SERVICES_REGISTRY_STORE_HOOKED_STORE_H_
#define SLUICE_SERVICES_REGISTRY_STORE_HOOKED_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/registry/store/registry_store.h"

namespace sluice::registry {

// For tests: a store whose writes a test decides about. Everything else goes to the real one.
class HookedStore final : public RegistryStore {
 public:
  // Called for each write in place of the real store, which it is given.
  using WriteHook =
      std::function<absl::Status(RegistryStore&, const StoreChanges&, Durability durability)>;

  HookedStore(std::unique_ptr<RegistryStore> store, WriteHook write)
      : store_(std::move(store)), write_(std::move(write)) {}

  absl::Status Write(const StoreChanges& changes, Durability durability) override {
    return write_(*store_, changes, durability);
  }
  absl::Status CheckWritable() override { return store_->CheckWritable(); }
  absl::Status ForEachDevice(const std::function<absl::Status(absl::string_view, absl::string_view,
                                                              int64_t)>& visit) const override {
    return store_->ForEachDevice(visit);
  }
  absl::Status ForEachUnfinishedCommand(
      const std::function<absl::Status(absl::string_view, absl::string_view)>& visit)
      const override {
    return store_->ForEachUnfinishedCommand(visit);
  }
  absl::Status ForEachRequest(
      const std::function<absl::Status(const StoredRequest&)>& visit) const override {
    return store_->ForEachRequest(visit);
  }
  absl::StatusOr<std::string> ReadCommand(absl::string_view id) const override {
    return store_->ReadCommand(id);
  }
  absl::StatusOr<std::string> LastCommandId() const override { return store_->LastCommandId(); }
  absl::StatusOr<int64_t> CountEndedCommands() const override {
    return store_->CountEndedCommands();
  }
  absl::StatusOr<std::vector<EndedCommand>> FirstEndedCommands(int limit) const override {
    return store_->FirstEndedCommands(limit);
  }

 private:
  const std::unique_ptr<RegistryStore> store_;
  const WriteHook write_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_STORE_HOOKED_STORE_H_
