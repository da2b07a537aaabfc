#include "runtime/stream.h"

#include "runtime/device_state.h"

namespace bitloom::runtime {

Result<Stream> Stream::create(const Device& device) {
  const std::shared_ptr<DeviceState>& state = device.state();
  const CurrentContext current(*state);
  cuda::CUstream handle = nullptr;
  if (auto done = state->check((*state)->cuStreamCreate(&handle, cuda::kStreamNonBlocking),
                               "cuStreamCreate");
      !done) {
    return tl::make_unexpected(done.error());
  }
  const auto destroy = [state](cuda::CUstream stream) {
    const CurrentContext scope(*state);
    (*state)->cuStreamDestroy(stream);
  };
  return Stream(device, std::shared_ptr<CUstream_st>(handle, destroy));
}

Stream Stream::borrow(const Device& device, CUstream_st* handle) {
  return Stream(device, std::shared_ptr<CUstream_st>(handle, [](CUstream_st*) {}));
}

Result<void> Stream::synchronize() const {
  DeviceState& state = *device_.state();
  const CurrentContext current(state);
  auto done = state.check(state->cuStreamSynchronize(handle()), "cuStreamSynchronize");
  if (done) state.log.done(handle());
  return done;
}

Result<bool> Stream::is_capturing() const {
  const DeviceState& state = *device_.state();
  const CurrentContext current(state);
  cuda::CUstreamCaptureStatus status = cuda::kCaptureNone;
  if (auto done = state.check(state->cuStreamIsCapturing(handle(), &status), "cuStreamIsCapturing");
      !done) {
    return tl::make_unexpected(done.error());
  }
  return status == cuda::kCaptureActive;
}

}  // namespace bitloom::runtime
