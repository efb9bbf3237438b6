import { expect, test } from "vitest";
import { NO_FILTERS } from "../src/city/filters.ts";
import { format, parse, type Route } from "../src/route.ts";

const ROUTE: Route = {
  view: "overstays",
  filters: {
    bay: "56",
    street: "La Trobe Street & Co",
    zone: "7303",
    stay: "2P",
    status: "silent",
    pay: "tap",
    minutes: "90",
  },
  camera: { latitude: -37.8136, longitude: 144.9631, zoom: 15.25 },
  card: "7570N",
  hasTable: true,
  from: "2025-08-01",
  to: "2025-08-07",
};

test("an address holds the whole view", () => {
  expect(parse(format(ROUTE))).toEqual(ROUTE);
});

test("an empty address is the map of all bays", () => {
  expect(parse("")).toEqual({
    view: "map",
    filters: NO_FILTERS,
    camera: null,
    card: null,
    hasTable: false,
    from: "",
    to: "",
  });
  expect(format(parse(""))).toBe("#/map");
});

test("what makes no sense in an address is left out", () => {
  const wrong =
    "#/nowhere?status=gone&pay=gold&zone=x&minutes=0&at=1,2&from=yesterday&to=2025-8-1&street=King+Street";
  expect(parse(wrong)).toEqual({ ...parse(""), filters: { ...NO_FILTERS, street: "King Street" } });
  expect(parse("#/map?at=-37.8,999,15").camera).toBeNull();
  expect(parse("#/map?minutes=1441").filters.minutes).toBe("");
  expect(parse("#/map?minutes=1440").filters.minutes).toBe("1440");
});
