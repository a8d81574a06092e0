#include "interposition/reservations.h"

#include <algorithm>

namespace memray_mocha {

void Reservations::Add(Range range) {
  std::lock_guard lock(mutex_);
  reservations_.push_back({range, range.begin});
}

void Reservations::Remove(Range removed) {
  std::lock_guard lock(mutex_);
  std::vector<Reservation> tails;
  std::erase_if(reservations_, [&](Reservation& r) {
    if (removed.end <= r.range.begin || r.range.end <= removed.begin)
      return false;
    if (removed.end < r.range.end) {
      tails.push_back({{removed.end, r.range.end},
                       std::max(removed.end, r.accessible_end)});
    }
    r.range.end = removed.begin;
    r.accessible_end = std::min(r.accessible_end, r.range.end);
    return r.range.IsEmpty();
  });
  reservations_.insert(reservations_.end(), tails.begin(), tails.end());
}

Reservations::Range Reservations::MakeAccessible(Range range) {
  std::lock_guard lock(mutex_);
  Reservation* reservation = Find(range);
  if (!reservation) return {0, 0};
  // Reservations fill from their start. What lies beyond a hole is reported
  // and not remembered; the reader ends the overlap when it is reported again.
  if (range.begin > reservation->accessible_end) return range;
  Range added{reservation->accessible_end, range.end};
  reservation->accessible_end = std::max(added.begin, added.end);
  return added;
}

bool Reservations::MakeInaccessible(Range range) {
  std::lock_guard lock(mutex_);
  Reservation* reservation = Find(range);
  if (!reservation) return false;
  reservation->accessible_end =
      std::min(reservation->accessible_end, range.begin);
  return true;
}

Reservations::Reservation* Reservations::Find(Range range) {
  for (Reservation& r : reservations_) {
    if (r.range.begin <= range.begin && range.end <= r.range.end) return &r;
  }
  return nullptr;
}

}  // namespace memray_mocha
