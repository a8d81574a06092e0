#include "interposition/reservations.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kBase = uintptr_t{1} << 32;

/// Pages [begin, end) of the address space under test.
Reservations::Range Pages(uintptr_t begin, uintptr_t end) {
  return {kBase + begin * kPage, kBase + end * kPage};
}

/// "[begin, end)" of each in pages, or "nothing".
std::string Text(const std::vector<Reservations::Range>& ranges) {
  std::string text;
  for (const Reservations::Range& range : ranges) {
    text += (text.empty() ? "[" : " [") +
            std::to_string((range.begin - kBase) / kPage) + ", " +
            std::to_string((range.end - kBase) / kPage) + ")";
  }
  return text.empty() ? "nothing" : text;
}

TEST("Reservations: pages outside of any are not its business") {
  Reservations ledger;
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 1))), "nothing");
  EXPECT(!ledger.MakeInaccessible(Pages(0, 1)));
  ledger.Add(Pages(10, 20));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(5, 9))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(20, 21))), "nothing");
  EXPECT(!ledger.MakeInaccessible(Pages(19, 21)));
}

TEST("Reservations: a page becomes accessible once") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 10))), "[0, 10)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 10))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(2, 5))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(10, 11))), "[10, 11)");
}

TEST("Reservations: growth from the start counts what is new") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  ledger.MakeAccessible(Pages(0, 10));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 30))), "[10, 30)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(25, 100))), "[30, 100)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 100))), "nothing");
}

TEST("Reservations: growth behind a guard counts what is new") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(20, 30))), "[20, 30)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(20, 31))), "[30, 31)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(19, 31))), "[19, 20)");
}

TEST("Reservations: beyond a hole the range alone counts, not the hole") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  ledger.MakeAccessible(Pages(0, 10));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(50, 60))), "[50, 60)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(50, 61))), "[60, 61)");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(5, 70))), "[10, 50) [61, 70)");
}

TEST("Reservations: two that touch can be made accessible at once") {
  Reservations ledger;
  ledger.Add(Pages(10, 20));
  ledger.Add(Pages(20, 30));
  ledger.MakeAccessible(Pages(18, 19));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(15, 25))), "[15, 18) [19, 25)");
  EXPECT(ledger.MakeInaccessible(Pages(15, 25)));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 40))), "[10, 30)");
}

TEST("Reservations: only what is all inaccessible is removed as such") {
  Reservations ledger;
  ledger.Add(Pages(0, 10));
  ledger.MakeAccessible(Pages(0, 4));
  EXPECT(!ledger.RemoveInaccessible(Pages(3, 6)));
  EXPECT(!ledger.RemoveInaccessible(Pages(9, 11)));
  EXPECT(ledger.RemoveInaccessible(Pages(4, 6)));
  EXPECT(!ledger.RemoveInaccessible(Pages(4, 6)));
  EXPECT(!ledger.MakeInaccessible(Pages(4, 6)));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 10))), "[6, 10)");
}

TEST("Reservations: what shrinks can grow again") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  ledger.MakeAccessible(Pages(0, 50));
  EXPECT(ledger.MakeInaccessible(Pages(20, 50)));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 20))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 30))), "[20, 30)");
}

TEST("Reservations: without a middle there are two, each with what it had") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  ledger.MakeAccessible(Pages(0, 70));
  ledger.Remove(Pages(40, 60));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(40, 60))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 40))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(60, 80))), "[70, 80)");
  EXPECT(!ledger.MakeInaccessible(Pages(30, 65)));
}

TEST("Reservations: the tail behind a removed middle is still inaccessible") {
  Reservations ledger;
  ledger.Add(Pages(0, 100));
  ledger.MakeAccessible(Pages(0, 30));
  ledger.Remove(Pages(20, 50));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(50, 60))), "[50, 60)");
}

TEST("Reservations: removing start, end, all, and several at once") {
  Reservations ledger;
  ledger.Add(Pages(0, 10));
  ledger.Remove(Pages(0, 2));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 3))), "[2, 3)");
  ledger.Remove(Pages(8, 10));
  EXPECT(!ledger.MakeInaccessible(Pages(8, 9)));
  ledger.Add(Pages(20, 30));
  ledger.Remove(Pages(0, 30));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(4, 5))), "nothing");
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(20, 21))), "nothing");
}

TEST("Reservations: a place reserved again starts anew") {
  Reservations ledger;
  ledger.Add(Pages(0, 10));
  ledger.MakeAccessible(Pages(0, 10));
  ledger.Remove(Pages(0, 10));
  ledger.Add(Pages(0, 20));
  EXPECT_EQUAL(Text(ledger.MakeAccessible(Pages(0, 5))), "[0, 5)");
}

}  // namespace
}  // namespace memray_mocha::test
