/* calendar.ts: a history as a calendar: days downwards, hours to the right, what was liked filled. Over it the hour of asking. */
import { calendarLayout, type CalendarEvent, type CalendarLayout, type CalendarScene } from './calendar_layout.js';
import { DAY, dayWords, weekdayWords } from '../maths/time.js';
import { straightLine, textAt, type Context, type Picture, type Size } from './picture.js';
import { SMALL_FONT, type Theme } from './theme.js';

const RADIUS = 7;
const HOURS = [0, 6, 12, 18, 24];
const MONDAY = 1;

export const calendarPicture: Picture<CalendarScene, number> = {
  reserve: 460,
  height: (width, scene) => calendarLayout(scene, width).height,

  draw(context: Context, scene: CalendarScene, { width }: Size, theme: Theme): void {
    const layout = calendarLayout(scene, width);
    drawGrid(context, scene, layout, theme);
    for (const event of scene.events) if (event.index !== scene.lifted) drawMark(context, event, layout, theme);
    const lifted = scene.events.find(({ index }) => index === scene.lifted);
    if (lifted) drawMark(context, lifted, layout, theme);
  },

  /** The hour of asking through all days, and the moment itself where its day is there. */
  drawOver(context: Context, now: number, { width }: Size, theme: Theme, scene: CalendarScene): void {
    const layout = calendarLayout(scene, width);
    const { left, right, tops } = layout;
    const x = left + (((now % DAY) + DAY) % DAY) / DAY * (right - left);
    context.globalAlpha = 0.6;
    straightLine(context, x, tops[0]! - 4, x, tops.at(-1)!, theme.now, 1.2, [2, 3]);
    context.globalAlpha = 1;
    const day = Math.floor((now - scene.days.from) / DAY);
    if (day < 0 || day >= scene.days.count) return;
    straightLine(context, x, tops[day]! + 1, x, tops[day + 1]! - 1, theme.now, 3);
    context.fillStyle = theme.now;
    context.beginPath();
    context.arc(x, tops[0]! - 5, 4, 0, 2 * Math.PI);
    context.fill();
  },
};

function drawGrid(context: Context, { days }: CalendarScene, { left, right, tops }: CalendarLayout, theme: Theme): void {
  const bottom = tops.at(-1)!;
  for (const hour of HOURS) {
    const x = left + (hour / 24) * (right - left);
    context.globalAlpha = 0.7;
    straightLine(context, x, tops[0]!, x, bottom, theme.line);
    context.globalAlpha = 1;
    textAt(context, `${hour}h`, x, tops[0]! - 18, 'center', theme.soft, SMALL_FONT);
  }
  for (let day = 0; day <= days.count; day++) {
    const time = days.from + day * DAY;
    const isMonday = new Date(time).getUTCDay() === MONDAY;
    context.globalAlpha = isMonday || day === 0 || day === days.count ? 1 : 0.45;
    straightLine(context, 0, tops[day]!, right, tops[day]!, theme.line, isMonday ? 1.6 : 1);
    context.globalAlpha = 1;
    if (day === days.count) break;
    const date = new Date(time).getUTCDate();
    const words = day === 0 || date === 1 ? dayWords(time).replace(/^\w+,? /, '') : `${weekdayWords(time)} ${date}`;
    textAt(context, words, 0, (tops[day]! + Math.min(tops[day + 1]!, tops[day]! + 26)) / 2, 'left', theme.soft, SMALL_FONT);
  }
}

/** Filled: liked; with a dot: opened; hollow: skipped; a cross: removed; a ring in the cursor's colour: changed by the reader. */
function drawMark(context: Context, { index, deed, removed, changed, unread }: CalendarEvent, { at }: CalendarLayout, theme: Theme): void {
  const { x, y } = at.get(index)!;
  const disc = (radius: number): void => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
  };
  context.globalAlpha = unread ? 0.4 : 1;
  if (changed) {
    disc(RADIUS + 3);
    context.strokeStyle = theme.now;
    context.lineWidth = 1.5;
    context.stroke();
  }
  disc(RADIUS);
  context.fillStyle = removed || deed !== 'liked' ? theme.panel : theme.learned;
  context.fill();
  context.strokeStyle = removed ? theme.soft : deed === 'skipped' ? theme.fixed : theme.learned;
  context.lineWidth = 1.8;
  context.setLineDash(removed ? [2, 2] : []);
  context.stroke();
  context.setLineDash([]);
  if (removed) {
    straightLine(context, x - 3, y - 3, x + 3, y + 3, theme.soft, 1.8);
    straightLine(context, x - 3, y + 3, x + 3, y - 3, theme.soft, 1.8);
  } else if (deed === 'opened') {
    context.fillStyle = theme.learned;
    disc(2.6);
    context.fill();
  }
  context.globalAlpha = 1;
}
