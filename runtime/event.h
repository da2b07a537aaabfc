// An event of a GPU: a point in a stream that can be waited for and timed.
//
//   auto begin = Event::create(device), end = Event::create(device);
//   begin->record(stream); kernel.launch(stream, …); end->record(stream);
//   Result<double> milliseconds = end->milliseconds_since(*begin);      // waits for `end`
#pragma once

#include <memory>

#include "runtime/stream.h"

struct CUevent_st;

namespace bitloom::runtime {

class Event {
 public:
  static Result<Event> create(const Device& device);

  Result<void> record(const Stream& stream) const;
  Result<void> synchronize() const;
  Result<double> milliseconds_since(const Event& begin) const;
  CUevent_st* handle() const { return handle_.get(); }

 private:
  Event(Device device, std::shared_ptr<CUevent_st> handle)
      : device_(std::move(device)), handle_(std::move(handle)) {}
  Device device_;
  std::shared_ptr<CUevent_st> handle_;
};

}  // namespace bitloom::runtime
