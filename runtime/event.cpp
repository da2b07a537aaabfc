#include "runtime/event.h"

#include "runtime/device_state.h"

namespace bitloom::runtime {

Result<Event> Event::create(const Device& device) {
  const std::shared_ptr<DeviceState>& state = device.state();
  const CurrentContext current(*state);
  cuda::CUevent handle = nullptr;
  if (auto done = state->check((*state)->cuEventCreate(&handle, 0), "cuEventCreate"); !done)
    return tl::make_unexpected(done.error());
  const auto destroy = [state](cuda::CUevent event) {
    const CurrentContext scope(*state);
    (*state)->cuEventDestroy(event);
  };
  return Event(device, std::shared_ptr<CUevent_st>(handle, destroy));
}

Result<void> Event::record(const Stream& stream) const {
  const DeviceState& state = *device_.state();
  const CurrentContext current(state);
  return state.check(state->cuEventRecord(handle(), stream.handle()), "cuEventRecord");
}

Result<void> Event::synchronize() const {
  const DeviceState& state = *device_.state();
  const CurrentContext current(state);
  return state.check(state->cuEventSynchronize(handle()), "cuEventSynchronize");
}

Result<double> Event::milliseconds_since(const Event& begin) const {
  if (auto done = synchronize(); !done) return tl::make_unexpected(done.error());
  const DeviceState& state = *device_.state();
  const CurrentContext current(state);
  float milliseconds = 0;
  if (auto done = state.check(state->cuEventElapsedTime(&milliseconds, begin.handle(), handle()),
                              "cuEventElapsedTime");
      !done) {
    return tl::make_unexpected(done.error());
  }
  return static_cast<double>(milliseconds);
}

}  // namespace bitloom::runtime
