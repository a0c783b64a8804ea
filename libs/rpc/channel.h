#ifndef SLUICE_LIBS_RPC_CHANNEL_H_
#define SLUICE_LIBS_RPC_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace sluice::rpc {

// A channel to one of Sluice's services: reconnects by itself with back-off of at most 2 s,
// notices a dead peer within 20 s, takes messages of up to 64 MiB. Never fails here: a call does.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_CHANNEL_H_
