#include "interposition/reservations.h"

#include <algorithm>
#include <iterator>

namespace memray_mocha {

void Reservations::Add(Range range) {
  std::lock_guard lock(mutex_);
  reserved_.Add(range);
  inaccessible_.Add(range);
}

void Reservations::Remove(Range range) {
  std::lock_guard lock(mutex_);
  reserved_.Remove(range);
  inaccessible_.Remove(range);
}

bool Reservations::RemoveInaccessible(Range range) {
  std::lock_guard lock(mutex_);
  if (!inaccessible_.Has(range)) return false;
  reserved_.Remove(range);
  inaccessible_.Remove(range);
  return true;
}

std::vector<Reservations::Range> Reservations::MakeAccessible(Range range) {
  std::lock_guard lock(mutex_);
  return inaccessible_.Remove(range);
}

bool Reservations::MakeInaccessible(Range range) {
  std::lock_guard lock(mutex_);
  if (!reserved_.Has(range)) return false;
  inaccessible_.Add(range);
  return true;
}

void Reservations::Set::Add(Range range) {
  auto next = FirstEndingAt(range.begin);
  while (next != ends_.end() && next->first <= range.end) {
    range.begin = std::min(range.begin, next->first);
    range.end = std::max(range.end, next->second);
    next = ends_.erase(next);
  }
  if (!range.IsEmpty()) ends_[range.begin] = range.end;
}

std::vector<Reservations::Range> Reservations::Set::Remove(Range range) {
  std::vector<Range> removed;
  auto next = FirstEndingAt(range.begin + 1);
  while (next != ends_.end() && next->first < range.end) {
    const Range whole{next->first, next->second};
    next = ends_.erase(next);
    if (whole.begin < range.begin) ends_[whole.begin] = range.begin;
    if (range.end < whole.end) ends_[range.end] = whole.end;
    removed.push_back(
        {std::max(whole.begin, range.begin), std::min(whole.end, range.end)});
  }
  return removed;
}

bool Reservations::Set::Has(Range range) const {
  const auto next = ends_.upper_bound(range.begin);
  return next != ends_.begin() && range.end <= std::prev(next)->second;
}

/// @return the first range that ends there or later.
Reservations::Set::Ends::iterator Reservations::Set::FirstEndingAt(
    uintptr_t address) {
  const auto next = ends_.lower_bound(address);
  if (next == ends_.begin()) return next;
  const auto previous = std::prev(next);
  return previous->second >= address ? previous : next;
}

}  // namespace memray_mocha
