// A libcoap server that answers 2.04 to every POST and does nothing else.
// Usage: bare_coap PORT MAX_IDLE_SESSIONS READY_FILE; 0 sessions: as many as libcoap keeps by
// itself. Runs until SIGTERM.

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

// As many datagrams as sluice-ingress has room for: one that is dropped comes again after seconds,
// which measures nothing.
constexpr int kReceiveBufferBytes = 4 << 20;

void Answer(coap_resource_t*, coap_session_t*, const coap_pdu_t*, const coap_string_t*,
            coap_pdu_t* response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

// libcoap does not hand its sockets out.
void EnlargeReceiveBuffers() {
  for (int fd = 0; fd < 64; ++fd) {
    int type = 0;
    socklen_t size = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM) continue;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof(int)) != 0) {
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof(int));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bare_coap PORT MAX_IDLE_SESSIONS READY_FILE\n");
    return 2;
  }
  coap_startup();
  coap_address_t listen;
  coap_address_init(&listen);
  listen.size = sizeof(listen.addr.sin);
  listen.addr.sin.sin_family = AF_INET;
  listen.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listen.addr.sin.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
  coap_context_t* const context = coap_new_context(nullptr);
  if (context == nullptr || coap_new_endpoint(context, &listen, COAP_PROTO_UDP) == nullptr) {
    std::fprintf(stderr, "cannot listen on udp port %s\n", argv[1]);
    return 1;
  }
  EnlargeReceiveBuffers();
  coap_context_set_max_idle_sessions(context, static_cast<unsigned int>(std::atoi(argv[2])));
  coap_resource_t* const any = coap_resource_unknown_init(Answer);
  coap_register_request_handler(any, COAP_REQUEST_POST, Answer);
  coap_add_resource(context, any);
  std::FILE* const ready = std::fopen(argv[3], "w");
  if (ready == nullptr || std::fclose(ready) != 0) return 1;
  while (coap_io_process(context, COAP_IO_WAIT) >= 0) {
  }
  return 1;
}
