// sluice-ingress: takes in what devices say and hands it on to whoever subscribed.

#include "libs/rpc/run_service.h"
#include "services/ingress/config.h"
#include "services/ingress/ingress_service.h"

int main(int argc, char** argv) {
  return sluice::rpc::RunService<sluice::config::v1::IngressConfig>(
      argc, argv, "sluice-ingress", sluice::ingress::DefaultConfig(),
      &sluice::ingress::ValidateConfig, &sluice::ingress::IngressService::Create);
}
