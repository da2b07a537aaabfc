// A stream of a GPU: what is put into it happens in order.
//
//   Result<Stream> stream = Stream::create(device);
//   kernel.launch(*stream, x, y);
//   if (auto done = stream->synchronize(); !done) show(done.error());
//
// Stream::borrow takes a stream that somebody else made (cudaStream_t and CUstream are the same
// thing), Stream::null the device's default stream. A Stream is a handle: copies are the same
// stream, and the last one that goes destroys it, when it was created here.
#pragma once

#include <memory>

#include "runtime/device.h"

struct CUstream_st;

namespace bitloom::runtime {

class Stream {
 public:
  static Result<Stream> create(const Device& device);
  static Stream borrow(const Device& device, CUstream_st* handle);
  static Stream null(const Device& device) { return borrow(device, nullptr); }

  const Device& device() const { return device_; }
  CUstream_st* handle() const { return handle_.get(); }

  // Waits for everything in the stream. A kernel that faulted is reported here (BL0803).
  Result<void> synchronize() const;
  // Whether what is put into it is captured into a graph at the moment.
  Result<bool> is_capturing() const;

 private:
  Stream(Device device, std::shared_ptr<CUstream_st> handle)
      : device_(std::move(device)), handle_(std::move(handle)) {}
  Device device_;
  std::shared_ptr<CUstream_st> handle_;
};

}  // namespace bitloom::runtime
