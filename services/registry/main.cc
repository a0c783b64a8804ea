// sluice-registry: the system of record of devices and commands.

#include "libs/rpc/run_service.h"
#include "services/registry/config.h"
#include "services/registry/registry.h"

int main(int argc, char** argv) {
  return sluice::rpc::RunService<sluice::config::v1::RegistryConfig>(
      argc, argv, "sluice-registry", sluice::registry::DefaultConfig(),
      &sluice::registry::ValidateConfig, &sluice::registry::Registry::Create);
}
