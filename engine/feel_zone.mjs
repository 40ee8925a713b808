// Local times are Chinese times, wherever the server stands and whatever language it speaks. Not for pages: there the
// pickers of form-js go by the browser's own clock, and a day read by one clock and shown by another would move.
import { IANAZone, Settings, SystemZone } from 'luxon';

const shanghai = IANAZone.create('Asia/Shanghai');
// From here on China has kept +08:00 without summer time; asking the time zone data is slow.
const lastSummerTime = Date.UTC(1991, 8, 15);

Object.defineProperty(SystemZone.prototype, 'name', { get: () => 'Asia/Shanghai' });
SystemZone.prototype.offset = (ts) => (ts >= lastSummerTime ? 480 : shanghai.offset(ts));
Settings.defaultLocale = 'en-US';
