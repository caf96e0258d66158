import { balanceRoutes } from './balances/balance-routes.js';
import type { Environment } from './caller.js';
import type { Route } from './http/route.js';
import { profileRoutes } from './profiles/profile-routes.js';
import { quoteRoutes } from './quotes/quote-routes.js';
import { rateRoutes } from './rates/rate-routes.js';
import { recipientRoutes } from './recipients/recipient-routes.js';
import { simulationRoutes } from './simulation/simulation-routes.js';
import { statementRoutes } from './statements/statement-routes.js';
import { transferRoutes } from './transfers/transfer-routes.js';

export function routesOf(environment: Environment): Route[] {
  return [
    ...profileRoutes,
    ...quoteRoutes,
    ...recipientRoutes,
    ...transferRoutes,
    ...balanceRoutes,
    ...statementRoutes,
    ...rateRoutes,
    ...(environment === 'sandbox' ? simulationRoutes : []),
  ];
}
