// Paho C 1.3.12, as Debian has it, frees the topic of a PUBLISH of QoS 1 or 2 whose write fails,
// but keeps the message: at each later connect it sends what that memory holds by then, and the
// broker ends the connection. It fails when a connection breaks while a message is written, before
// the library's reading thread has seen the end.
//
// Hence a PUBLISH is never seen to fail. Of all that is linked here only Paho writes to sockets by
// `writev`; ours comes before the C library's. A PUBLISH for a broken connection counts as written,
// as it would have a moment earlier, with the bytes in the kernel's buffer; the reading thread
// finds the end, and what is unacknowledged is sent again after the next connect.

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace {

// Paho hands over the fixed header first (MQTT 5, 2.1.1). Other packets may fail; the
// acknowledgement of a message that was not taken must.
bool IsPublish(const iovec* parts, int count) {
  return count > 0 && parts[0].iov_len > 0 &&
         *static_cast<const unsigned char*>(parts[0].iov_base) >> 4 == 3;
}

}  // namespace

extern "C" ssize_t writev(int fd, const iovec* parts, int count) {
  const ssize_t written = syscall(SYS_writev, fd, parts, count);
  if (written >= 0 || errno == EAGAIN || errno == EINTR || !IsPublish(parts, count)) return written;
  const int error = errno;
  // Whatever it was, nothing may follow a message that is missing.
  if (shutdown(fd, SHUT_RDWR) != 0 && errno == ENOTSOCK) {
    errno = error;
    return -1;
  }
  ssize_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += static_cast<ssize_t>(parts[i].iov_len);
  return bytes;
}
